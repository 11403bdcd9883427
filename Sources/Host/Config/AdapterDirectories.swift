import Glibc

/// Where adapters are looked for when nothing is configured.
public enum AdapterDirectories {
    /// Of this process. Found once for it: while it runs its file may be replaced, and then its own name leads nowhere.
    public static let standard: [String] = distinct(candidates(executable: realPath("/proc/self/exe")))

    /// Folders of programs that a whole system, or a user, shares: what lies there beside nexus belongs to others.
    private static let shared: Set<String> = [
        "/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin",
    ]

    /// The executable's own directory, unless it is shared with other programs; `../lib/nexus/adapters` from there; and the system's. Also
    /// those that are not there: one may appear later, and one that cannot be looked at for a moment is not gone.
    /// - Parameter executable: its path, without links; nil: it is not known.
    static func candidates(executable: String?) -> [String] {
        var found: [String] = []
        if let executable {
            let directory = parent(of: executable)
            if !shared.contains(directory), !directory.hasSuffix("/.local/bin") { found.append(directory) }
            found.append(parent(of: directory) + "/lib/nexus/adapters")
        }
        return found + ["/usr/local/lib/nexus/adapters", "/usr/lib/nexus/adapters"]
    }

    /// Those that somebody has named and that are not there; nobody has to have the standard ones. Blocks for the disk.
    public static func missing(of directories: [String]) -> [String] {
        directories == standard ? [] : directories.filter(isMissing)
    }

    private static func isMissing(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) != 0 && (errno == ENOENT || errno == ENOTDIR)
    }

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
