import AdapterHost
import HTTP1

/// What a path means.
enum Route: Equatable {
    case exchange(RequestKind)
    case models
    case model(String)
    /// What Ollama's API tells of the fleet.
    case ollama(OllamaPage)
    /// What Ollama's API tells of one model.
    case ollamaShow
    /// What of Ollama's API would change a server: pull, delete, ...
    case ollamaManagement
    /// Answers that a server has stored.
    case storedResponse
    case history
    case stats
    case backends
    /// The actions a backend offers.
    case actionsOf(backend: String)
    /// Runs an action.
    case runAction(String, backend: String)
    /// The actions under way and the last that ended.
    case actions
    /// One of them, by its id.
    case action(String)
    case adapters
    /// Reads configuration and adapters again.
    case reload
    case health
    case metrics
    case page
    case asset(String)
    /// What browsers and crawlers ask every site for.
    case rootFile(String)
    case webSocket

    /// The methods a path takes, as the value of Allow.
    var allow: String {
        switch self {
        case .exchange, .reload, .runAction, .ollamaShow: "POST"
        case .ollamaManagement, .storedResponse: "GET, POST, DELETE"
        case .action: "DELETE"
        default: "GET, HEAD"
        }
    }

    /// The method asks for a change; pages of other sites may not.
    func isCommand(_ method: RequestHead.Method) -> Bool {
        switch (self, method) {
        case (.reload, .post), (.runAction, .post), (.action, .delete): true
        default: false
        }
    }

    /// Nil for an unknown path. `path` is without the query.
    init?(path: String) {
        switch path {
        case "/v1/chat/completions": self = .exchange(.chat)
        case "/v1/completions": self = .exchange(.completions)
        case "/v1/embeddings": self = .exchange(.embeddings)
        case "/v1/responses": self = .exchange(.responses)
        case "/v1/rerank": self = .exchange(.rerank)
        case "/v1/messages": self = .exchange(.messages)
        case "/v1/messages/count_tokens": self = .exchange(.countTokens)
        // No others below these: what a client writes there would go to the server as it is.
        case "/v1/audio/speech", "/v1/audio/transcriptions", "/v1/audio/translations": self = .exchange(.audio)
        case "/v1/images/generations", "/v1/images/edits", "/v1/images/variations": self = .exchange(.images)
        case "/api/chat", "/api/generate", "/api/embed", "/api/embeddings": self = .exchange(.ollama)
        case "/v1/models": self = .models
        case "/api/tags": self = .ollama(.tags)
        case "/api/ps": self = .ollama(.running)
        case "/api/version": self = .ollama(.version)
        case "/api/show": self = .ollamaShow
        case "/api/pull", "/api/push", "/api/create", "/api/copy", "/api/delete": self = .ollamaManagement
        case "/v1/history": self = .history
        case "/v1/stats": self = .stats
        case "/v1/backends": self = .backends
        case "/v1/actions": self = .actions
        case "/v1/adapters": self = .adapters
        case "/v1/admin/reload": self = .reload
        case "/health": self = .health
        case "/metrics": self = .metrics
        case "/": self = .page
        case "/favicon.ico", "/robots.txt": self = .rootFile(String(path.dropFirst()))
        case "/ws": self = .webSocket
        default:
            if path.hasPrefix("/v1/models/"), let id = PercentCoding.decoded(path.dropFirst("/v1/models/".count)) {
                self = .model(id)
            } else if path.hasPrefix("/v1/responses/"), path.utf8.count > "/v1/responses/".utf8.count {
                self = .storedResponse
            } else if path.hasPrefix("/assets/") {
                self = .asset(String(path.dropFirst("/assets/".count)))
            } else if path.hasPrefix("/v1/actions/"),
                let id = PercentCoding.decoded(path.dropFirst("/v1/actions/".count))
            {
                self = .action(id)
            } else if path.hasPrefix("/v1/backends/"), let route = Self.ofBackend(path) {
                self = route
            } else {
                return nil
            }
        }
    }
}

/// What of Ollama's API the gateway answers itself.
enum OllamaPage: Equatable {
    case tags, running, version
}

extension Route {
    /// `/v1/backends/{id}/actions` and `/v1/backends/{id}/actions/{name}`. A slash within an id is escaped.
    private static func ofBackend(_ path: String) -> Route? {
        let parts = path.dropFirst("/v1/backends/".count).split(separator: "/", omittingEmptySubsequences: false)
        guard (2...3).contains(parts.count), parts[1] == "actions", let id = PercentCoding.decoded(parts[0]) else {
            return nil
        }
        guard parts.count == 3 else { return .actionsOf(backend: id) }
        return PercentCoding.decoded(parts[2]).map { .runAction($0, backend: id) }
    }
}

/// Percent-encoding of paths (RFC 3986, section 2.1).
enum PercentCoding {
    /// Nil if an escape is malformed or the result is empty or not UTF-8.
    static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hex), let low = rest.popFirst().flatMap(hex) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes.isEmpty ? nil : String(validating: bytes, as: UTF8.self)
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init)
    }
}
