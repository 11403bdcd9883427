/// A client's API. Which one a client speaks decides how its answers look, and its errors.
public enum Dialect: Sendable, Equatable {
    case openAI
    /// Anthropic's Messages API: https://docs.anthropic.com/en/api/messages
    case anthropic
    /// Ollama's own API: https://github.com/ollama/ollama/blob/main/docs/api.md
    case ollama
}

/// An error for a client, before it is put into the words of its API.
public struct ClientError: Error, Sendable, Equatable {
    /// HTTP status.
    public var status: Int
    public var message: String
    /// OpenAI's type; the other dialects go by the status.
    public var type: String
    public var param: String?
    public var code: String?

    public init(
        status: Int, message: String, type: String = "invalid_request_error", param: String? = nil, code: String? = nil
    ) {
        self.status = status
        self.message = message
        self.type = type
        self.param = param
        self.code = code
    }
}
