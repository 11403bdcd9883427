import Glibc

/// Where adapters are looked for when nothing is configured.
public enum AdapterDirectories {
    /// The executable's own directory, `../lib/nexus/adapters` from there, and the system's; each once. Also those that are not
    /// there: one may appear later, and one that cannot be looked at for a moment is not gone. Found once for the process:
    /// while it runs its file may be replaced, and then its own name leads nowhere.
    public static let standard: [String] = {
        var candidates: [String] = []
        if let executable = realPath("/proc/self/exe") {
            let directory = parent(of: executable)
            candidates = [directory, parent(of: directory) + "/lib/nexus/adapters"]
        }
        return distinct(candidates + ["/usr/local/lib/nexus/adapters", "/usr/lib/nexus/adapters"])
    }()

    /// Without those that are another way to one before.
    static func distinct(_ candidates: [String]) -> [String] {
        var seen: Set<String> = []
        return candidates.map { realPath($0) ?? $0 }.filter { seen.insert($0).inserted }
    }

    private static func parent(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")), slash != path.startIndex else { return "" }
        return String(path[..<slash])
    }

    private static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
