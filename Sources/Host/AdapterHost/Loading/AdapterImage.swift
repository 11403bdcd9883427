import Core
import Glibc
import PluginAPI
import Shims
import Synchronization

/// A loaded adapter: the image and its table, checked. Never unloaded: code of it may be on a thread's stack, and
/// Swift images cannot be unmapped at all.
public final class AdapterImage: Sendable {
    public let path: String
    /// Different for each image of this process.
    public let ordinal: Int
    /// Of the file's content; nil: it is linked into this program.
    public let hash: ContentHash?
    public let type: String
    public let displayName: String
    public let version: String
    /// JSON text of a JSON Schema; empty: the adapter takes no options.
    public let optionsSchema: String
    public let defaultURLs: [String]
    public let abiMajor: Int
    public let abiMinor: Int
    /// `NEXUS_KIND_...` bits.
    package let kinds: UInt32
    package let functions: AdapterFunctions
    let actionTable: ActionTable
    /// In Unix seconds.
    public let loadedAt: Double

    /// An image of this process, which stays in its memory.
    public struct Loaded: Sendable {
        public var ordinal: Int
        public var type: String
        public var version: String
        public var path: String
        /// In Unix seconds.
        public var at: Double
    }

    private static let all = Mutex<[Loaded]>([])
    /// Images that are remembered; more are loaded only where a file changes all the time.
    private static let loadedLimit = 1000

    /// All that were ever loaded, the first ones first: none is ever unloaded.
    public static var loaded: [Loaded] { all.withLock { $0 } }

    private static let nextOrdinal = Atomic<Int>(0)

    /// Loads the file: checks it without running it, maps a private copy, asks the entry for the table, checks that.
    public convenience init(path: String) throws(LoadProblem) { try self.init(path: path, host: HostTable.pointer) }

    /// - Parameters:
    ///   - hash: of what the file must hold; nil: anything.
    ///   - host: what the entry is given; must live as long as the process.
    package convenience init(
        path: String, holding hash: ContentHash? = nil, host: UnsafePointer<nexus_host>
    ) throws(LoadProblem) {
        let copy = try PrivateCopy(path: path)
        guard hash == nil || hash == copy.hash else { throw .replaced }
        try self.init(path: path, copy: copy, host: host)
    }

    /// - Parameter copy: the content of the file at `path`.
    convenience init(
        path: String, copy: PrivateCopy, host: UnsafePointer<nexus_host> = HostTable.pointer
    ) throws(LoadProblem) {
        try Self.checkBytes(copy.bytes)
        // From here on its code runs.
        let words = "the file \(path), which was being loaded"
        let before = nexus_note_swap(CrashNote.make(words, type: "", file: path, hash: copy.hash))
        defer { nexus_note_swap(before) }
        let file = path.split(separator: "/").last.map(String.init) ?? path
        // The descriptor stays open: the dynamic linker knows the image by this path, so the number must not come again.
        let descriptor = try copy.descriptor(name: file)
        guard let handle = dlopen("/proc/self/fd/\(descriptor)", RTLD_NOW | RTLD_LOCAL) else {
            let reason = dlerror().map { String(cString: $0) } ?? "unknown reason"
            close(descriptor)
            throw LoadProblem.shortage() ?? .linking(reason)
        }
        guard let symbol = dlsym(handle, NEXUS_ENTRY_SYMBOL) else { throw .noEntry }
        try self.init(
            path: path, hash: copy.hash, entry: unsafeBitCast(symbol, to: EntryFunction.self), host: host)
    }

    /// An adapter that is linked into this program.
    package convenience init(linked name: String, entry: EntryFunction) throws(LoadProblem) {
        try self.init(path: name, hash: nil, entry: entry, host: HostTable.pointer)
    }

    private init(
        path: String, hash: ContentHash?, entry: EntryFunction, host: UnsafePointer<nexus_host>
    ) throws(LoadProblem) {
        let table = try Self.callEntry(entry, host)
        // The version first: of another one no field is where it is looked for.

        self.path = path
        self.hash = hash
        ordinal = Self.nextOrdinal.add(1, ordering: .relaxed).newValue
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
        loadedAt = Clock.preciseWallSeconds()
        let loaded = Loaded(ordinal: ordinal, type: type, version: version, path: path, at: loadedAt)
        Self.all.withLock { all in
            if all.count < Self.loadedLimit { all.append(loaded) }
        }
    }

    /// Which parts of the adapter are not used, and why.
    public var warnings: [String] { actionTable.problems }

    package typealias EntryFunction =
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

    private static func callEntry(
        _ entry: EntryFunction, _ host: UnsafePointer<nexus_host>
    ) throws(LoadProblem) -> UnsafePointer<nexus_adapter> {
        var message = MessageBuffer()
        guard let table = message.fill({ entry(host, $0) }) else {
            throw .entryRefused(message.text.isEmpty ? "it gave no reason" : message.text)
        }
        return table
    }
}
