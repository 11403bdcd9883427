import PluginAPI

/// The header fields of all requests with one key, made once.
final class RequestHeaders: Sendable {
    /// For POST with a JSON body.
    let post: StaticHeaders
    let get: StaticHeaders
    /// For Anthropic's API.
    let messages: StaticHeaders
    /// For a body of any type, which is added.
    let plain: StaticHeaders
    /// In lower case: what the operator has set, which a client does not change.
    private let fixed: [String]

    init(_ options: Options, key: String) {
        let common = options.headers + Self.authorization(key, options.authHeader)
        fixed = common.map { $0.name.lowercased() }
        let json = [(name: "content-type", value: "application/json"), (name: "accept", value: "*/*")]
        post = StaticHeaders(common + json)
        get = StaticHeaders(common + [("accept", "application/json")])
        plain = StaticHeaders(common + [("accept", "*/*")])
        var own: [(name: String, value: String)] = []
        func add(_ name: String, _ value: String) {
            if !common.contains(where: { $0.name.lowercased() == name }) { own.append((name, value)) }
        }
        add("anthropic-version", "2023-06-01")
        if !key.isEmpty { add("x-api-key", key) }
        messages = StaticHeaders(common + json + own)
    }

    /// Of a client's fields those that the operator has not set: they count instead of the adapter's.
    func taken(of client: [HeaderField]) -> [HeaderField] {
        guard !fixed.isEmpty, client.contains(where: { fixed.contains($0.name) }) else { return client }
        return client.filter { !fixed.contains($0.name) }
    }

    private static func authorization(_ key: String, _ header: String) -> [(name: String, value: String)] {
        guard !key.isEmpty else { return [] }
        return [(header, header == "authorization" ? "Bearer \(key)" : key)]
    }
}
