import EventStream
import JSON

/// Errors in Anthropic's shape: https://docs.anthropic.com/en/api/errors
public enum AnthropicError {
    /// The body of an answer with the error's status.
    public static func body(_ error: ClientError, requestID: String) -> [UInt8] {
        let value: JSONValue = [
            "type": "error", "error": ["type": .string(type(error.status)), "message": .string(error.message)],
            "request_id": .string(requestID),
        ]
        return value.bytes
    }

    /// The event that ends a stream whose status was already sent.
    public static func event(_ error: ClientError, requestID: String) -> [UInt8] {
        event(body(error, requestID: requestID))
    }

    /// - Parameter body: of the error, as an answer would have it.
    public static func event(_ body: [UInt8]) -> [UInt8] { EventText.event(body, name: "error") }

    /// Whether this is an error that clients of the API understand as it is.
    /// - Parameter unpaid: it must say that something was not paid for; Anthropic's service calls that a wrong request, too.
    public static func isOne(_ value: JSONValue, unpaid: Bool = false) -> Bool {
        guard value["type"]?.string == "error", let error = value["error"], error["message"]?.string != nil,
            let type = error["type"]?.string
        else { return false }
        return unpaid ? type == "billing_error" : types.contains(type)
    }

    private static let types: Set = [
        "invalid_request_error", "authentication_error", "billing_error", "permission_error", "not_found_error",
        "request_too_large", "rate_limit_error", "api_error", "timeout_error", "overloaded_error",
    ]

    private static func type(_ status: Int) -> String {
        switch status {
        case 401: "authentication_error"
        case 402: "billing_error"
        case 403: "permission_error"
        case 404: "not_found_error"
        case 413: "request_too_large"
        case 429: "rate_limit_error"
        case 400...499: "invalid_request_error"
        case 503, 529: "overloaded_error"
        case 504: "timeout_error"
        default: "api_error"
        }
    }
}
