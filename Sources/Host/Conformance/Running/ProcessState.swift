import Glibc
import Shims

/// What an adapter shares with its process and must leave alone.
struct ProcessState {
    private var parts: [(name: String, value: String)] = []

    static func now() -> ProcessState {
        var state = ProcessState()
        for signal in 1..<CInt(65) {
            state.parts.append(("the handler of signal \(signal)", String(nexus_signal_action(signal))))
        }
        state.parts.append(("the locale", setlocale(LC_ALL, nil).map { String(cString: $0) } ?? ""))
        state.parts.append(("the working directory", link("/proc/self/cwd")))
        let mask = umask(0)
        umask(mask)
        state.parts.append(("umask", String(mask, radix: 8)))
        state.parts.append(("the environment", environment().joined(separator: "\n")))
        state.parts.append(("the buffering of standard output and error", String(nexus_stream_buffering())))
        for descriptor in 0...2 {
            state.parts.append(("descriptor \(descriptor)", link("/proc/self/fd/\(descriptor)")))
        }
        state.parts.append(("the child processes", children()))
        return state
    }

    /// What differs, in words; nil if nothing does.
    func difference(to other: ProcessState) -> String? {
        let changed = zip(parts, other.parts).filter { $0.value != $1.value }.map(\.0.name)
        return changed.isEmpty ? nil : changed.prefix(4).joined(separator: ", ") + " changed"
    }

    // MARK: Counts

    static var threadCount: Int { entries("/proc/self/task").count }

    /// Threads, once there are no more than `expected`, or after half a second: one that was joined shows for a moment.
    static func threadCount(expecting expected: Int) -> Int {
        for _ in 0..<500 where threadCount > expected { usleep(1000) }
        return threadCount
    }

    /// Open files; the one used for counting is not counted.
    static var descriptorCount: Int { entries("/proc/self/fd").count - 1 }

    static var residentBytes: Int {
        let fields = contents("/proc/self/statm").split(separator: " ")
        return fields.count > 1 ? (Int(fields[1]) ?? 0) * 4096 : 0
    }

    // MARK: Reading

    private static func entries(_ directory: String) -> [String] {
        guard let stream = opendir(directory) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    private static func link(_ path: String) -> String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 1024) { buffer in
            guard let base = buffer.baseAddress else { return "" }
            let count = readlink(path, base, buffer.count)
            return String(decoding: UnsafeRawBufferPointer(buffer).prefix(max(0, count)), as: UTF8.self)
        }
    }

    private static func contents(_ path: String) -> String {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return "" }
        defer { close(file) }
        return withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            let count = read(file, buffer.baseAddress, buffer.count)
            return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
        }
    }

    /// The variables, except the one that is set for children.
    static func environment() -> [String] {
        var all: [String] = []
        guard var entry = environ as UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? else { return [] }
        while let text = entry.pointee {
            all.append(String(cString: text))
            entry += 1
        }
        return all.filter { !$0.hasPrefix("SWIFT_BACKTRACE=") }
    }

    private static func children() -> String {
        entries("/proc/self/task").map { contents("/proc/self/task/\($0)/children") }.filter { !$0.isEmpty }.sorted()
            .joined(separator: " ")
    }
}
