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

/// Ollama's errors, `{"error":"text"}`, and those of proxies before it, as failures with a body for the client.
enum OllamaError {
    /// - Parameter location: where the answer sends the request, if it redirects.
    static func failure(
        status: UInt32, body: [UInt8], retryAfterMilliseconds: UInt32 = 0, location: String? = nil,
        shape: ErrorShape = .openAI
    ) -> Failure {
        if Refusals.isRedirect(status) {
            return Failure(kind: NEXUS_FAIL_UPSTREAM, status: status, message: Refusals.redirect(status, location))
        }
        let told = ToldError.body(body) ?? ToldError(message: nil)
        if let failure = missingPath(status, body, told) { return failure }
        var failure = failure(
            status: status, told: told, without: "Ollama answered with status \(status)", shape: shape)
        failure.retryAfterMilliseconds = retryAfterMilliseconds
        return failure
    }

    /// Where the server does not have the path at all, which Ollama says of no model; nil: that is not what it said.
    private static func missingPath(_ status: UInt32, _ body: [UInt8], _ told: ToldError) -> Failure? {
        guard status == 404 || status == 405, MissingPath.isTold(by: body) else { return nil }
        let words = told.message?.prefix(100) ?? ""
        let shown = words.isEmpty ? "" : " (\(words))"
        return Failure(
            kind: NEXUS_FAIL_UNSUPPORTED, status: 501,
            message: "the server does not know this request: it answered \(status)\(shown); it may be an "
                + "Ollama that is too old for it, or the backend's url leads to a server of another type")
    }

    /// The error that an answer or a line reports; nil: none. Ollama sends a string; a proxy in front of it may send
    /// an object.
    static func text(_ value: JSONValue) -> String? {
        ToldError.inside(value).map { told in
            told.message ?? String(decoding: (value.errorMember ?? value).bytes.prefix(500), as: UTF8.self)
        }
    }

    /// - Parameter status: 502 for an error in the middle of a stream.
    static func failure(status: UInt32, text: String, shape: ErrorShape = .openAI) -> Failure {
        failure(status: status, told: ToldError(message: text), without: "", shape: shape)
    }

    private static func failure(status: UInt32, told: ToldError, without words: String, shape: ErrorShape) -> Failure {
        let text = told.message ?? words
        let meaning = ErrorMeaning(status: status == 502 ? 200 : Int(status), told)
        if meaning == .refusedKey { return Refusals.key(status) }
        let status = UInt32(meaning == .unpaid ? ErrorMeaning.paymentRequired : Int(status))
        let kind: nexus_failure_kind
        var type = "upstream_error"
        var code: JSONValue = .null
        switch (status, meaning) {
        case (_, .fullContext):
            // Also where Ollama calls it a fault of its own.
            kind = NEXUS_FAIL_REJECTED
            type = "invalid_request_error"
            code = "context_length_exceeded"
        case (_, .unpaid):
            // Not an illness: a smaller request may be paid for.
            kind = NEXUS_FAIL_BUSY
            type = "insufficient_quota"
            code = "insufficient_quota"
        case (403, _):
            // A proxy that lets not everybody do everything.
            kind = NEXUS_FAIL_UNSUPPORTED
            type = "permission_error"
        case (404, _):
            // The server lacks the model, or is too old to have the path.
            kind = NEXUS_FAIL_UNSUPPORTED
            type = "invalid_request_error"
            if text.contains("model") { code = "model_not_found" }
        case (429, _):
            kind = NEXUS_FAIL_BUSY
            type = "rate_limit_error"
            code = "rate_limit_exceeded"
        case (408, _), (425, _), (503, _), (529, _), (_, .overload), (_, .rateLimit): kind = NEXUS_FAIL_BUSY
        case (504, _): kind = NEXUS_FAIL_TIMEOUT
        case (400...499, _):
            kind = NEXUS_FAIL_REJECTED
            type = "invalid_request_error"
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
