/// Paths that clients ask for whose base address is wrong: a part of it is there twice, or that of another API stands before it, or
/// "/v1" is missing. Pure.
enum MeantPath {
    /// Parts that are taken off at the most.
    private static let most = 4
    private static let repeats = ["/v1/v1/", "/v1/api/", "/api/v1/", "/api/api/"]

    /// What else a path may mean, the nearest first.
    static func candidates(_ path: String) -> [String] {
        var found: [String] = []
        var rest = path
        for _ in 0..<most {
            found.append("/v1" + rest)
            guard let shorter = withoutFirst(rest) else { break }
            found.append(shorter)
            rest = shorter
        }
        return found.filter { $0 != path }
    }

    /// A path without what of "/v1" and "/api" stands before another of the two.
    static func withoutRepeats(_ path: String) -> String {
        var path = path
        for _ in 0..<most {
            guard repeats.contains(where: { path.hasPrefix($0) }), let shorter = withoutFirst(path) else { break }
            path = shorter
        }
        return path
    }

    /// A path without the "/v1" or "/api" that it begins with; nil: it begins with neither.
    private static func withoutFirst(_ path: String) -> String? {
        for part in ["/v1", "/api"] where path.hasPrefix(part + "/") {
            return String(path.dropFirst(part.count))
        }
        return nil
    }
}
