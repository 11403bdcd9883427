import Glibc

/// Where adapters are looked for when nothing is configured.
public enum AdapterDirectories {
    /// Existing ones only, each once: the executable's own directory, `../lib/nexus/adapters` from there, and the system's.
    public static func standard() -> [String] {
        var candidates: [String] = []
        if let executable = realPath("/proc/self/exe"), let slash = executable.lastIndex(of: "/") {
            let directory = String(executable[..<slash])
            candidates = [directory, directory + "/../lib/nexus/adapters"]
        }
        candidates += ["/usr/local/lib/nexus/adapters", "/usr/lib/nexus/adapters"]
        return existing(candidates)
    }

    static func existing(_ candidates: [String]) -> [String] {
        var seen: Set<String> = []
        return candidates.compactMap(realPath).filter { seen.insert($0).inserted }
    }

    private static func realPath(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
