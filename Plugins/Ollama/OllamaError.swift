import PluginAPI

/// Ollama's errors, `{"error":"text"}`, as failures with a body in OpenAI's shape.
enum OllamaError {
    static func failure(status: UInt32, body: [UInt8], retryAfterMilliseconds: UInt32 = 0) -> Failure {
        let text = (try? JSONValue.parse(body))?["error"]?.string ?? "Ollama answered with status \(status)"
        var failure = failure(status: status, text: text)
        failure.retryAfterMilliseconds = retryAfterMilliseconds
        return failure
    }

    /// Ollama itself does not say when to come back; a proxy in front of it may. Less than a day, else 0.
    static func retryAfterMilliseconds(_ head: nexus_http_head) -> UInt32 {
        guard let seconds = head.field("retry-after").flatMap({ UInt32($0.text) }), seconds < 86400 else { return 0 }
        return seconds * 1000
    }

    /// - Parameter status: 502 for an error in the middle of a stream.
    static func failure(status: UInt32, text: String) -> Failure {
        if status == 401 || status == 403 {
            // Nothing of the server's words: they may hold the key.
            return Failure(
                kind: NEXUS_FAIL_AUTH, status: status,
                message: "the server wants an API key or refuses the one it got (status \(status)); see api_key_env")
        }
        let kind: nexus_failure_kind
        var type = "upstream_error"
        var code: JSONValue = .null
        switch status {
        case 404:
            // Another backend may have the model.
            kind = NEXUS_FAIL_UNSUPPORTED
            type = "invalid_request_error"
            code = "model_not_found"
        case 400, 405, 409, 413, 422:
            kind = NEXUS_FAIL_REJECTED
            type = "invalid_request_error"
        case 408, 429, 503: kind = NEXUS_FAIL_BUSY
        default: kind = NEXUS_FAIL_UPSTREAM
        }
        let error: JSONValue = ["message": .string(text), "type": .string(type), "param": nil, "code": code]
        return Failure(
            kind: kind, status: status, message: text,
            body: JSONValue.object(JSONObject([(name: "error", value: error)])).bytes)
    }

    static func failure(_ end: HTTPEnd) -> Failure {
        switch end {
        case .refused(let message): Failure(kind: NEXUS_FAIL_CONNECT, message: message)
        case .timedOut(let message): Failure(kind: NEXUS_FAIL_TIMEOUT, message: message)
        case .closed(let message), .garbage(let message): Failure(kind: NEXUS_FAIL_UPSTREAM, message: message)
        case .complete: Failure(kind: NEXUS_FAIL_UPSTREAM, message: "Ollama closed the stream before it was finished")
        case .cancelled: Failure(kind: NEXUS_FAIL_INTERNAL, message: "the request was cancelled")
        }
    }
}
