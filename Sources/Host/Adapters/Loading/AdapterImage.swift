import Glibc
import PluginAPI

/// A loaded adapter: the image and its table, checked. Never unloaded: code of it may be on a thread's stack, and
/// Swift images cannot be unmapped at all.
public final class AdapterImage: Sendable {
    public let path: String
    public let type: String
    public let displayName: String
    public let version: String
    /// JSON text of a JSON Schema; empty: the adapter takes no options.
    public let optionsSchema: String
    public let defaultURLs: [String]
    public let abiMajor: Int
    public let abiMinor: Int
    /// `NEXUS_KIND_...` bits.
    let kinds: UInt32
    let functions: AdapterFunctions
    let actionTable: ActionTable

    /// Loads the file: checks it without running it, maps a private copy, asks the entry for the table, checks that.
    public init(path: String) throws(LoadProblem) {
        let copy = try PrivateCopy(path: path)
        try Self.checkBytes(copy.bytes)
        let file = path.split(separator: "/").last.map(String.init) ?? path
        // The descriptor stays open: the dynamic linker knows the image by this path, so the number must not come again.
        let descriptor = try copy.descriptor(name: file)
        guard let handle = dlopen("/proc/self/fd/\(descriptor)", RTLD_NOW | RTLD_LOCAL) else {
            let reason = dlerror().map { String(cString: $0) } ?? "unknown reason"
            close(descriptor)
            throw .linking(reason)
        }
        guard let symbol = dlsym(handle, NEXUS_ENTRY_SYMBOL) else { throw .noEntry }
        let entry = unsafeBitCast(symbol, to: EntryFunction.self)
        let table = try Self.callEntry(entry)

        self.path = path
        let major = Int(table.pointee.abi_major)
        guard major == Int(NEXUS_ABI_MAJOR) else {
            throw .wrongVersion(major: major, minor: Int(table.pointee.abi_minor))
        }
        abiMajor = major
        abiMinor = Int(table.pointee.abi_minor)
        let checked = try TableCheck.check(table)
        type = checked.type
        displayName = checked.displayName
        version = checked.version
        optionsSchema = checked.optionsSchema
        defaultURLs = checked.defaultURLs
        kinds = table.pointee.kinds
        functions = checked.functions
        actionTable = ActionTable(checked.functions)
    }

    /// What of the adapter is not used, and why; the rest of it is.
    public var warnings: [String] { actionTable.problems }

    private typealias EntryFunction =
        @convention(c) (UnsafePointer<nexus_host>?, UnsafeMutablePointer<nexus_message>?) -> UnsafePointer<
            nexus_adapter
        >?

    private static func checkBytes(_ bytes: [UInt8]) throws(LoadProblem) {
        let symbols: [String]?
        do {
            symbols = try ELFImage(bytes).exportedSymbols()
        } catch {
            switch error {
            case .notELF: throw .notELF
            case .not64Bit, .otherMachine: throw .otherMachine
            case .notSharedObject: throw .notSharedObject
            case .truncated: throw .truncated
            }
        }
        guard let symbols, !symbols.contains(NEXUS_ENTRY_SYMBOL) else { return }
        if let other = symbols.first(where: { $0.hasPrefix("nexus_adapter_v") }) { throw .otherMajor(symbol: other) }
        throw .noEntry
    }

    private static func callEntry(_ entry: EntryFunction) throws(LoadProblem) -> UnsafePointer<nexus_adapter> {
        var message = MessageBuffer()
        guard let table = message.fill({ entry(HostTable.pointer, $0) }) else {
            throw .entryRefused(message.text.isEmpty ? "it gave no reason" : message.text)
        }
        return table
    }
}
