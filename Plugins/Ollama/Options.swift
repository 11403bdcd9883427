/// The options of a backend of this type.
struct Options: Sendable, Equatable {
    static let schema = """
        {"type":"object","additionalProperties":false,"properties":{\
        "num_ctx":{"type":"integer","minimum":1,"description":"Context length in tokens for every request; Ollama reloads a model when it changes."},\
        "keep_alive":{"type":["string","integer"],"description":"How long a model stays loaded: a duration such as 5m, seconds, 0, or -1 for ever."},\
        "think":{"type":"boolean","description":"false: models that can think do so only when a request asks for it."},\
        "reasoning_field":{"enum":["reasoning_content","reasoning","both","none"],"description":"The name under which clients get what a model thought; reasoning_content by default."},\
        "inline_thinking":{"enum":["as_it_is","tags","begun"],"description":"What the answer to a chat of OpenAI's API holds of \
        <think>...</think> becomes reasoning; tags: it begins with the first tag; begun: that tag is in the model's template; \
        as_it_is by default."}}}
        """

    var contextLength: Int64?
    var keepAlive: JSONValue?
    var think: Bool?
    var reasoningField = ReasoningField.reasoningContent
    /// Where an answer's text holds what the model thought; nil: it stays as it is.
    var inlineThinking: InlineThinking.Mode?

    init() {}

    init(_ given: JSONObject) throws(ConfigurationProblem) {
        for (name, value) in given.members {
            switch name {
            case "num_ctx":
                guard let length = value.int, length > 0 else {
                    throw ConfigurationProblem("num_ctx must be a whole number above 0")
                }
                contextLength = length
            case "keep_alive":
                guard value.string != nil || value.int != nil else {
                    throw ConfigurationProblem("keep_alive must be a duration such as \"5m\", or a number of seconds")
                }
                keepAlive = value
            case "think":
                guard let flag = value.bool else { throw ConfigurationProblem("think must be true or false") }
                think = flag
            case "reasoning_field":
                guard let field = value.string.flatMap(ReasoningField.init(rawValue:)) else {
                    throw ConfigurationProblem(
                        "reasoning_field must be \"reasoning_content\", \"reasoning\", \"both\" or \"none\"")
                }
                reasoningField = field
            case "inline_thinking":
                inlineThinking = value.string.flatMap(InlineThinking.Mode.init)
                guard inlineThinking != nil || value == "as_it_is" else {
                    throw ConfigurationProblem("inline_thinking must be \"as_it_is\", \"tags\" or \"begun\"")
                }
            default:
                throw ConfigurationProblem(
                    "unknown option \"\(name)\"; known are num_ctx, keep_alive, think, reasoning_field, "
                        + "inline_thinking")
            }
        }
    }

    /// What a request says goes before what the operator says.
    func keepAlive(asked request: JSONValue) -> JSONValue? { request.given("keep_alive") ?? keepAlive }
}

/// The name under which clients get what a model thought. Servers and clients do not agree on one.
enum ReasoningField: String, Sendable {
    case reasoningContent = "reasoning_content"
    case reasoning
    case both
    case none

    /// Adds what was thought to a message or a delta.
    func put(_ thinking: String, into message: inout JSONObject) {
        if self == .reasoningContent || self == .both { message["reasoning_content"] = .string(thinking) }
        if self == .reasoning || self == .both { message["reasoning"] = .string(thinking) }
    }
}

extension JSONValue {
    /// The member, if it is there and not null: clients send null for what they leave to the server.
    func given(_ name: String) -> JSONValue? {
        guard let value = self[name], !value.isNull else { return .none }
        return value
    }
}
