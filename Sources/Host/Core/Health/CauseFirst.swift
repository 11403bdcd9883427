/// Why a server is not well, with the cause in front. Adapters write what they asked and of whom before it, "GET /v1/models:
/// 127.0.0.1:8080: connection refused", and of a long line people see the beginning alone. Pure.
public enum CauseFirst {
    /// Places that are moved at the most.
    private static let limit = 4

    /// The same words, with the places that stand in front of the cause behind it, in parentheses.
    /// - Parameter server: host of the server, with its port where that is not the usual one; nil: not known.
    public static func words(_ message: String, of server: String? = nil) -> String {
        var rest = message[...]
        var places: [String] = []
        while places.count < limit, let mark = rest.firstRange(of: ": ") {
            let part = String(rest[..<mark.lowerBound])
            guard isRequest(part) || isEndpoint(part) || part == server else { break }
            places.append(part)
            rest = rest[mark.upperBound...]
        }
        return places.isEmpty || rest.isEmpty ? message : "\(rest) (\(places.joined(separator: ", ")))"
    }

    /// "GET /v1/models", also with a whole address.
    private static func isRequest(_ text: String) -> Bool {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.count == 2, (3...7).contains(words[0].utf8.count) else { return false }
        return words[0].utf8.allSatisfy { (0x41...0x5A).contains($0) }
            && ["/", "http://", "https://"].contains { words[1].hasPrefix($0) }
    }

    /// "10.0.0.2:8080", "[::1]:8080", "box:8080".
    private static func isEndpoint(_ text: String) -> Bool {
        guard let colon = text.lastIndex(of: ":"), colon != text.startIndex, !text.contains(" ") else { return false }
        let port = text[text.index(after: colon)...].utf8
        return (1...5).contains(port.count) && port.allSatisfy { (0x30...0x39).contains($0) }
    }
}
