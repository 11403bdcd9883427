import PluginAPI

/// The API that the client speaks: it decides what an error looks like.
enum ErrorShape {
    case openAI
    case ollama

    fileprivate func body(_ text: String, type: String, code: JSONValue) -> [UInt8] {
        let error: JSONValue =
            switch self {
            case .openAI: ["message": .string(text), "type": .string(type), "param": nil, "code": code]
            case .ollama: .string(text)
            }
        return JSONValue.object(JSONObject([(name: "error", value: error)])).bytes
    }
}

/// Ollama's errors, `{"error":"text"}`, as failures with a body for the client.
enum OllamaError {
    static func failure(
        status: UInt32, body: [UInt8], retryAfterMilliseconds: UInt32 = 0, shape: ErrorShape = .openAI
    ) -> Failure {
        let told = (try? JSONValue.parse(body)).flatMap(text)
        var failure = failure(status: status, text: told ?? "Ollama answered with status \(status)", shape: shape)
        failure.retryAfterMilliseconds = retryAfterMilliseconds
        return failure
    }

    /// The error that an answer or a line reports; nil: none. Ollama sends a string; a proxy in front of it may send
    /// an object.
    static func text(_ value: JSONValue) -> String? {
        guard let error = value.errorMember else { return nil }
        return error.string ?? error["message"]?.string ?? String(decoding: error.bytes.prefix(500), as: UTF8.self)
    }

    /// - Parameter status: 502 for an error in the middle of a stream.
    static func failure(status: UInt32, text: String, shape: ErrorShape = .openAI) -> Failure {
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
            // Another backend may have the model, or be new enough to have the path.
            kind = NEXUS_FAIL_UNSUPPORTED
            type = "invalid_request_error"
            if text.contains("model") { code = "model_not_found" }
        case 400, 405, 409, 413, 422:
            kind = NEXUS_FAIL_REJECTED
            type = "invalid_request_error"
        case 408, 429, 503: kind = NEXUS_FAIL_BUSY
        default: kind = NEXUS_FAIL_UPSTREAM
        }
        return Failure(
            kind: kind, status: status, message: text, body: shape.body(text, type: type, code: code))
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
