/// Where Ollama's own API begins, whatever path the operator has left at the end of the backend's URL: many know the server by
/// the address of its OpenAI-compatible API.
struct Address: Equatable {
    /// What stands before "/api"; empty mostly.
    let root: String
    /// The path of the URL is not part of what is asked.
    let isFromRoot: Bool

    private static let known = [
        "/v1", "/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models", "/v1/messages",
        "/v1/responses",
        "/api", "/api/chat", "/api/generate", "/api/embed", "/api/embeddings", "/api/tags",
    ].sorted { $0.utf8.count > $1.utf8.count }

    init(_ url: String) {
        var path =
            url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false).dropFirst(3).first.map {
                "/" + $0
            }
            ?? ""
        while path.hasSuffix("/") { path.removeLast() }
        let end = Self.known.first { path.hasSuffix($0) }
        isFromRoot = end != nil
        root = end.map { String(path.dropLast($0.count)) } ?? ""
    }

    /// A path of Ollama's API as a request takes it.
    func place(_ path: String) -> String { isFromRoot ? root + path : path }
}
