/// Tells an answer to a path that a server does not have from one about what was asked there, as a model that it does not have:
/// both have the status 404. Pure.
public enum MissingPath {
    /// What servers and their frameworks say of a path that they do not have, or not for a POST, without what ends a sentence.
    private static let words: Set = [
        "not found", "404", "404 not found", "404: not found", "404 page not found", "page not found",
        "file not found", "resource not found", "path not found", "route not found", "endpoint not found",
        "no such route", "unknown path", "unknown endpoint", "method not allowed", "405 method not allowed",
        "405: method not allowed", "not implemented",
    ]
    /// What stands in longer ones.
    private static let parts = ["unexpected endpoint", "invalid url", "cannot post", "unsupported method"]
    /// What follows a path that is named.
    private static let behindPath = [
        "not found", "was not found", "does not exist", "is not supported", "not supported",
    ]

    /// Whether an answer with a status that may say so (404, 405, 501) is about the path: what it costs is bounded by the body.
    /// - Parameters:
    ///   - body: of the answer.
    ///   - path: that was asked for; nil: words that name it are not looked for.
    public static func isTold(by body: [UInt8], path: String? = nil) -> Bool {
        guard let told = ToldError.body(body) else { return true }
        if isOfModel(told) { return false }
        guard let message = told.message else { return true }
        // A page is not of what answers requests at such a server, but of what stands before it.
        return isPage(body) || isTold(message, path: path)
    }

    /// The same of an error in an answer that calls itself a success.
    /// - Parameters:
    ///   - message: of the server.
    ///   - body: that is passed on with it.
    public static func isTold(inside message: String, body: [UInt8], path: String) -> Bool {
        !(ToldError.body(body).map(isOfModel) ?? false) && isTold(message, path: path)
    }

    private static func isOfModel(_ told: ToldError) -> Bool {
        [told.code, told.type].contains { $0?.string?.lowercased().contains("model") == true }
    }

    private static func isTold(_ message: String, path: String?) -> Bool {
        // All that is meant here is short.
        guard message.utf8.count <= 500 else { return false }
        var text = message.lowercased()[...]
        while let last = text.last, " .!\n)]'\"`".contains(last) { text.removeLast() }
        if words.contains(String(text)) || parts.contains(where: { text.contains($0) }) { return true }
        guard let path, let place = text.firstRange(of: path.lowercased()) else { return false }
        let rest = text[place.upperBound...].drop { " '\"`:,".contains($0) }
        return rest.isEmpty || behindPath.contains { rest.hasPrefix($0) }
    }

    private static func isPage(_ body: [UInt8]) -> Bool {
        // Not a byte order mark, nor space.
        body.first { $0 > 0x20 && $0 < 0x80 } == UInt8(ascii: "<")
    }
}
