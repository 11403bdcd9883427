import PluginAPI

/// Turns the error answers of the different servers into failures with a body in OpenAI's shape.
enum UpstreamError {
    /// An answer with a status other than 2xx.
    static func failure(status: UInt32, body: [UInt8], retryAfterMilliseconds: UInt32) -> Failure {
        let value = (try? JSONValue.parse(body)) ?? .null
        if let refused = refusedKey(status) { return refused }
        let told = normalised(value, status: status, bare: true)
        let text = told?.message ?? "the server answered with status \(status)"
        return Failure(
            kind: kind(status), status: status, retryAfterMilliseconds: retryAfterMilliseconds, message: text,
            body: told?.body(original: value) ?? [])
    }

    /// A 2xx answer that is an error (LM Studio answers so to unknown paths). Nil if it is none.
    static func insideSuccess(_ body: [UInt8]) -> Failure? {
        (try? JSONValue.parse(body)).flatMap(insideSuccess)
    }

    static func insideSuccess(_ value: JSONValue) -> Failure? {
        guard let told = normalised(value, status: 502) else { return nil }
        return Failure(
            kind: isUnknownPath(told.message) ? NEXUS_FAIL_UNSUPPORTED : NEXUS_FAIL_UPSTREAM,
            status: told.status ?? 502, message: told.message,
            body: told.body(original: value))
    }

    /// What stands where an answer or a part of one should be, if it has words: a success is what it says, and an error what
    /// it is.
    static func insteadOfAnswer(_ value: JSONValue) -> Failure? {
        guard let told = normalised(value, status: 502, bare: true) else { return nil }
        return Failure(
            kind: NEXUS_FAIL_UPSTREAM, status: 502, message: told.message, body: told.body(original: value))
    }

    static func insteadOfAnswer(_ text: [UInt8]) -> Failure? {
        guard text.count <= readable else { return nil }
        return (try? JSONValue.parse(text)).flatMap(insteadOfAnswer)
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
        guard let told = normalised(event, status: 502) else { return nil }
        let status = told.status ?? 502
        if let refused = refusedKey(status) { return refused }
        return Failure(kind: kind(status), status: status, message: told.message, body: told.body(original: event))
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

    /// Servers put the key into such answers: nothing of them is passed on.
    private static func refusedKey(_ status: UInt32) -> Failure? {
        guard status == 401 || status == 403 else { return nil }
        return Failure(
            kind: NEXUS_FAIL_AUTH, status: status,
            message: "the server wants an API key or refuses the one it got (status \(status)); see api_key_env")
    }

    private static func kind(_ status: UInt32) -> nexus_failure_kind {
        switch status {
        case 408, 429, 503, 529: NEXUS_FAIL_BUSY
        // Another backend may have the model, or the path.
        case 404, 405, 501: NEXUS_FAIL_UNSUPPORTED
        case 504: NEXUS_FAIL_TIMEOUT
        case 400...499: NEXUS_FAIL_REJECTED
        default: NEXUS_FAIL_UPSTREAM
        }
    }

    private struct Told {
        var message: String
        var type: JSONValue
        var param: JSONValue
        var code: JSONValue
        var status: UInt32?
        var isOpenAIShaped: Bool

        /// The server's own bytes when they have OpenAI's shape, so that nothing it tells is lost.
        func body(original: JSONValue) -> [UInt8] {
            // Not where a second member unsays the first.
            if isOpenAIShaped, original["error"]?.isNull == false { return original.bytes }
            let error: JSONValue = ["message": .string(message), "type": type, "param": param, "code": code]
            return JSONValue.object(JSONObject([(name: "error", value: error)])).bytes
        }
    }

    static let withoutMessage = "the server reported an error without a message"

    /// Understands `{"error":{…}}`, `{"error":"text"}` and the flat `{"object":"error","message":…}`; and, in an
    /// answer whose status says error (`bare`), a message alone.
    private static func normalised(_ value: JSONValue, status: UInt32, bare: Bool = false) -> Told? {
        let type: JSONValue = status < 500 ? "invalid_request_error" : "upstream_error"
        let error = value.errorMember
        if let object = error?.object {
            let message = object["message"]?.string ?? object["msg"]?.string ?? withoutMessage
            return Told(
                message: message, type: object["type"] ?? type, param: object["param"] ?? .null,
                code: object["code"] ?? .null, status: httpStatus(object["code"]),
                isOpenAIShaped: object["message"]?.string != nil)
        }
        if let error {
            let text = error.string ?? String(decoding: error.bytes.prefix(500), as: UTF8.self)
            return Told(message: text, type: type, param: .null, code: .null, status: nil, isOpenAIShaped: false)
        }
        if value["object"]?.string == "error" || value["type"]?.string == "error" {
            return Told(
                message: value["message"]?.string ?? withoutMessage, type: value["type"] ?? type,
                param: value["param"] ?? .null, code: value["code"] ?? .null, status: httpStatus(value["code"]),
                isOpenAIShaped: false)
        }
        if bare, let text = bareWords(value) {
            return Told(message: text, type: type, param: .null, code: .null, status: nil, isOpenAIShaped: false)
        }
        return nil
    }

    /// The names under which servers, and proxies before them, tell what went wrong.
    private static func bareWords(_ value: JSONValue) -> String? {
        for name in ["message", "msg", "detail", "errors", "Error", "Message", "error_message", "error_msg"] {
            if let text = words(value[name]) { return text }
        }
        // A number alone says little, but no answer has one under this name.
        return value["code"]?.int.map { "the server reported an error with the code \($0)" }
    }

    /// A text, what holds one, or a list of what is wrong with the request.
    private static func words(_ value: JSONValue?) -> String? {
        func text(_ value: JSONValue?) -> String? {
            value?.string ?? value?["message"]?.string ?? value?["msg"]?.string
        }
        if let text = text(value), !text.isEmpty { return text }
        let texts = value?.array?.prefix(20).compactMap { text($0) } ?? []
        return texts.isEmpty ? nil : texts.joined(separator: "; ")
    }

    private static func httpStatus(_ code: JSONValue?) -> UInt32? {
        guard let code = code?.int, (400...599).contains(code) else { return nil }
        return UInt32(code)
    }
}
