import PluginAPI

/// Turns the error answers of the different servers into failures with a body in OpenAI's shape. What they say is read by
/// `ToldError`, and what that means by `ErrorMeaning`.
enum UpstreamError {
    /// An answer with a status other than 2xx.
    /// - Parameters:
    ///   - location: where it sends the request, if it redirects.
    ///   - isChosen: the client's own fields act upon the key; see `KeyAnswer.actsOnKey`.
    static func failure(
        status: UInt32, body: [UInt8], retryAfterMilliseconds: UInt32, location: String? = nil, isChosen: Bool = false
    ) -> Failure {
        if Refusals.isRedirect(status) {
            return Failure(
                kind: NEXUS_FAIL_UPSTREAM, status: status, message: Refusals.redirect(status, location))
        }
        let told = ToldError.body(body) ?? ToldError(message: nil)
        let meaning = ErrorMeaning(status: Int(status), told)
        if isChosen, status == 401 || status == 403 { return refusedChoice(status) }
        if meaning == .refusedKey { return Refusals.key(status) }
        let status = UInt32(meaning == .unpaid ? ErrorMeaning.paymentRequired : Int(status))
        guard let text = told.message else {
            return Failure(
                kind: kind(status, meaning), status: status, retryAfterMilliseconds: retryAfterMilliseconds,
                message: "the server answered with status \(status)")
        }
        return Failure(
            kind: kind(status, meaning), status: status, retryAfterMilliseconds: retryAfterMilliseconds, message: text,
            body: self.body(told, status, original: try? JSONValue.parse(body)))
    }

    /// A 2xx answer that is an error (LM Studio answers so to unknown paths). Nil if it is none.
    static func insideSuccess(_ body: [UInt8]) -> Failure? {
        (try? JSONValue.parse(body)).flatMap(insideSuccess)
    }

    static func insideSuccess(_ value: JSONValue) -> Failure? {
        guard let told = ToldError.inside(value) else { return nil }
        let message = told.message ?? withoutMessage
        let meaning = ErrorMeaning(status: told.status ?? 200, told)
        let status = status(told, meaning)
        return Failure(
            kind: isUnknownPath(message)
                ? NEXUS_FAIL_UNSUPPORTED : meaning.status == nil ? NEXUS_FAIL_UPSTREAM : kind(status, meaning),
            status: status, message: message, body: body(told, status, original: value))
    }

    /// Of an error inside a success.
    private static func status(_ told: ToldError, _ meaning: ErrorMeaning) -> UInt32 {
        UInt32((meaning == .unpaid ? meaning.status : told.status ?? meaning.status) ?? 502)
    }

    /// What stands where an answer or a part of one should be, if it has words: a success is what it says, and an error what
    /// it is.
    static func insteadOfAnswer(_ value: JSONValue) -> Failure? {
        guard let told = ToldError.instead(of: value) else { return nil }
        let meaning = ErrorMeaning(status: 200, told)
        let status = UInt32(meaning.status ?? 502)
        return Failure(
            kind: kind(status, meaning), status: status, message: told.message ?? withoutMessage,
            body: body(told, status, original: value))
    }

    static func insteadOfAnswer(_ text: [UInt8]) -> Failure? {
        guard text.count <= readable else { return nil }
        return (try? JSONValue.parse(text)).flatMap(insteadOfAnswer)
    }

    static func insteadOfAnswer(_ text: [UInt8], unless isAnswer: Bool) -> Failure? {
        isAnswer ? nil : insteadOfAnswer(text)
    }

    /// The data of an event that is named "error".
    static func namedEvent(_ data: [UInt8]) -> Failure {
        let value = data.count <= readable ? try? JSONValue.parse(data) : nil
        return value.flatMap { insideStream($0) ?? insteadOfAnswer($0) }
            ?? Failure(kind: NEXUS_FAIL_UPSTREAM, status: 502, message: withoutMessage)
    }

    static let failedChoice = Failure(
        kind: NEXUS_FAIL_UPSTREAM, status: 502, message: "the server ended the answer because of an error")

    /// An event of a stream that is an error. Nil if it is none.
    static func insideStream(_ event: JSONValue) -> Failure? {
        guard let told = ToldError.inside(event) else { return nil }
        let meaning = ErrorMeaning(status: told.status ?? 200, told)
        let status = status(told, meaning)
        if meaning == .refusedKey { return Refusals.key(status) }
        return Failure(
            kind: kind(status, meaning), status: status, message: told.message ?? withoutMessage,
            body: body(told, status, original: event))
    }

    /// Longer texts are not parsed on the event loop for the sake of a message.
    private static let readable = 64 * 1024

    /// What a field "error" of a stream says. Nil if it is no JSON.
    static func insideField(_ text: UnsafeRawBufferPointer) -> Failure? {
        guard text.count <= readable, let told = try? JSONValue.parse(text) else { return nil }
        return insideStream(.object(JSONObject([(name: "error", value: told)])))
    }

    /// What a long event says of an error, as a scan has found it. Nil if it speaks of none.
    static func inside(_ event: UnsafeRawBufferPointer, _ scan: JSONScan) -> Failure? {
        if event.count <= readable, let failure = insideLine(event) { return failure }
        if let span = scan.error, let end = span.end {
            return insideField(UnsafeRawBufferPointer(rebasing: event[span.start..<end]))
        }
        if scan.isChoiceFailed { return failedChoice }
        return scan.isLabelledError ? insideStream(["object": "error"]) : nil
    }

    /// An error that stands where an event should be.
    static func insideLine(_ line: UnsafeRawBufferPointer) -> Failure? {
        guard line.count <= readable, let told = try? JSONValue.parse(line) else { return nil }
        return insideStream(told)
    }

    /// LM Studio's words for a path that it does not have, under a status that says success.
    static func isUnknownPath(_ message: String) -> Bool { message.lowercased().contains("unexpected endpoint") }

    static let withoutMessage = "the server reported an error without a message"

    /// The client chose an organization or a project for which the gateway's key may not act, or which is none. That is the
    /// client's mistake, and says nothing of the key: if the key is bad too, the next probe finds out.
    private static func refusedChoice(_ status: UInt32) -> Failure {
        let words =
            "the server refuses the request (status \(status)): its openai-organization or openai-project does not go with "
            + "the gateway's API key"
        return Failure(
            kind: NEXUS_FAIL_REJECTED, status: status, message: words,
            body: body(ToldError(message: words), status, original: nil))
    }

    private static func kind(_ status: UInt32, _ meaning: ErrorMeaning) -> nexus_failure_kind {
        switch meaning {
        // Also where the server calls it a fault of its own.
        case .fullContext: return NEXUS_FAIL_REJECTED
        // Not an illness: a smaller request may be paid for.
        case .rateLimit, .overload, .unpaid: return NEXUS_FAIL_BUSY
        case .refusedKey: return NEXUS_FAIL_AUTH
        case .other: break
        }
        return switch status {
        case 408, 425, 429, 503, 529: NEXUS_FAIL_BUSY
        // The server lacks the model or the path, or does not let it be used.
        case 403, 404, 405, 501: NEXUS_FAIL_UNSUPPORTED
        case 504: NEXUS_FAIL_TIMEOUT
        case 400...499: NEXUS_FAIL_REJECTED
        default: NEXUS_FAIL_UPSTREAM
        }
    }

    // MARK: OpenAI's shape

    /// The server's own bytes when they have that shape, so that nothing it tells is lost.
    private static func body(_ told: ToldError, _ status: UInt32, original: JSONValue?) -> [UInt8] {
        // Not where a second member unsays the first.
        if told.isOpenAIs, let original, original["error"]?.isNull == false { return original.bytes }
        let error: JSONValue = [
            "message": .string(told.message ?? withoutMessage), "type": told.type ?? type(status),
            "param": told.param ?? .null, "code": told.code ?? code(status),
        ]
        return JSONValue.object(JSONObject([(name: "error", value: error)])).bytes
    }

    private static func code(_ status: UInt32) -> JSONValue {
        switch status {
        case 402: "insufficient_quota"
        case 429: "rate_limit_exceeded"
        default: .null
        }
    }

    private static func type(_ status: UInt32) -> JSONValue {
        switch status {
        case 401: "authentication_error"
        case 402: "insufficient_quota"
        case 403: "permission_error"
        case 429: "rate_limit_error"
        case 503, 529: "service_unavailable_error"
        case ..<500: "invalid_request_error"
        default: "upstream_error"
        }
    }
}
