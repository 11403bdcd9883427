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
        EventText.event(body(error, requestID: requestID), name: "error")
    }

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
