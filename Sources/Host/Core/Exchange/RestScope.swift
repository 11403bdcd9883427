import JSON

/// What of a server is to be left alone when it has said for how long.
public enum RestScope: Sendable, Equatable {
    case model
    case backend

    /// Nil: nothing, whatever time it told.
    ///
    /// Limits of requests and of tokens (429) are counted by model: OpenAI's guide on rate limits and Anthropic's both say so, and
    /// proxies keep them likewise. An account that is used up is used up for all of them. 503 and 529 mean the server: Ollama's
    /// queue is one for all models, and vLLM and llama.cpp serve one. Services for many models name the model in their words
    /// ("That model is currently overloaded with other requests"). RFC 9110 (section 10.2.3) lets any answer tell the time, so
    /// proxies do with 500, 502 and 504: that is about the server as well.
    public init?(_ failure: ExchangeFailure, model: String) {
        guard failure.retryAfterMilliseconds > 0 else { return nil }
        switch failure.kind {
        case .busy, .upstream, .timeout: break
        case .connect, .rejected, .auth, .unsupported, .adapter: return nil
        }
        switch failure.status {
        case 429: self = Self.isOfAccount(failure) ? .backend : .model
        case 503, 529: self = Self.speaks(failure.message, of: model) ? .model : .backend
        default: self = .backend
        }
    }

    private static let accountNames: Set = ["insufficient_quota", "billing_hard_limit_reached", "billing_not_active"]

    private static func isOfAccount(_ failure: ExchangeFailure) -> Bool {
        guard let told = ToldError.body(failure.body) else { return false }
        return [told.type?.string, told.code?.string].contains { $0.map(accountNames.contains) ?? false }
    }

    /// Characters of a server's words that are looked at.
    private static let wordLimit = 1000

    private static func speaks(_ words: String, of model: String) -> Bool {
        let words = words.prefix(wordLimit).lowercased()
        if ["that model", "this model", "the model", "model is"].contains(where: words.contains) { return true }
        // Nothing shorter is told from other words.
        return model.utf8.count >= 4 && words.contains(model.lowercased())
    }
}
