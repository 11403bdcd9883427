/// What the gateway must know of a request body to route it. The body itself is passed on byte for byte.
public struct RequestPeek: Sendable, Equatable {
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
    /// Some object in the body has a member `image_url` or `input_image`.
    public var images = false

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

    public var message: String {
        switch self {
        case .malformed(let offset, let reason):
            "The request body is not valid JSON: \(reason) at byte \(offset)."
        case .notAnObject: "The request body must be a JSON object."
        case .form(let reason): "The request body is not a valid form: \(reason)."
        case .modelMissing: "The request must have a member \"model\" that names a model; GET /v1/models lists them."
        case .modelNotString: "\"model\" must be a non-empty string; GET /v1/models lists the models."
        }
    }
}
