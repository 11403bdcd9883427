/// What the gateway must know of a request body to route it. The body itself is passed on byte for byte.
public struct RequestPeek: Sendable, Equatable {
    /// Bytes of a name as it is written, escapes included. The longest id a backend can have is 256 bytes.
    public static let maximumName = 1024

    /// The value of the top-level `model`, escapes resolved.
    public var model: String = ""
    /// Where that value stands in the body, quotes included: what an alias replaces.
    public var modelSpan: Range<Int> = 0..<0
    public var stream = false
    /// `stream` is there and not null: APIs differ in what counts when it is not.
    public var streamIsGiven = false
    /// `stream_options.include_usage`.
    public var includeUsage = false
    /// `tools` is a non-empty array.
    public var tools = false
    /// `response_format` asks for JSON.
    public var jsonMode = false
    /// A message has an image, in the form of one of the APIs: a member `image_url`, `input_image` or `images`, or the type
    /// "image". What a tool is called with tells of none.
    public var images = false
    /// Bytes of strings that are images and files, not text: data URLs, and base64 where the APIs have it.
    public var dataBytes = 0
    /// The model is asked to think: `reasoning_effort`, `reasoning`, `thinking`, `think`.
    public var thinking = false
    /// `tool_choice` is "none": the tools are not to be used.
    public var toolsOff = false
    /// Tokens that the answer may have: `max_tokens` and what the other APIs call it; 0: not said.
    public var answerTokens: UInt64 = 0
    /// The request sets the length of the context itself: `num_ctx`.
    public var setsContext = false

    public init() {}
}

/// Why a request body was refused; `message` is for the client.
public enum RequestPeekError: Error, Sendable, Equatable {
    /// Not a JSON text (RFC 8259). `offset` counts bytes from 0.
    case malformed(offset: Int, reason: String)
    case notAnObject
    /// Not a form (RFC 7578), though its content type says so.
    case form(reason: String)
    case modelMissing
    case modelNotString
    /// The name of the model has more than `RequestPeek.maximumName` bytes; it begins so, for the history.
    case modelTooLong(beginning: String)
    /// A member that is read here comes twice: a server may take the other one.
    case twice(String)
    /// A member that is read here is written with escapes, or in other letters that some servers take for the same.
    case spelling(String)
    /// A member that must be true or false is not.
    case notBool(String)
    /// A request for embeddings has nothing in `input`.
    case inputEmpty

    public var message: String {
        switch self {
        case .malformed(let offset, let reason):
            "The request body is not valid JSON: \(reason) at byte \(offset)."
        case .notAnObject: "The request body must be a JSON object."
        case .form(let reason): "The request body is not a valid form: \(reason)."
        case .modelMissing: "The request must have a member \"model\" that names a model; GET /v1/models lists them."
        case .modelNotString: "\"model\" must be a non-empty string; GET /v1/models lists the models."
        case .modelTooLong:
            "\"model\" must not be longer than \(RequestPeek.maximumName) bytes, as it is written; GET /v1/models lists the models."
        case .twice(let name): "\"\(name)\" is given twice; it must be clear which one counts."
        case .spelling(let name): "\"\(name)\" must be written exactly so, in lower case and without escapes."
        case .notBool(let name): "\"\(name)\" must be true or false."
        case .inputEmpty: "\"input\" must be a text or a list, and must not be empty."
        }
    }

    /// What is known of the model that was asked for.
    public var model: String {
        if case .modelTooLong(let beginning) = self { beginning } else { "" }
    }

    /// The member that is wrong; nil: the body as a whole.
    public var param: String? {
        switch self {
        case .malformed, .notAnObject, .form: nil
        case .modelMissing, .modelNotString, .modelTooLong: "model"
        case .twice(let name), .spelling(let name), .notBool(let name): name
        case .inputEmpty: "input"
        }
    }
}
