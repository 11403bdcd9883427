import PluginAPI

/// Streams whose events state their type and end with one of a few: what OpenAI's newer endpoints and Anthropic's have in
/// common.
class TypedStream: StreamMeaning {
    final private(set) var isFinished = false
    final fileprivate(set) var failure: Failure?
    final fileprivate(set) var usage = TokenUsage()
    /// The last event is the end mark, and can be given by the server alone.
    final var endMark: [UInt8] { [] }
    final func lastWords() -> [UInt8] { [] }
    private final var characters = WholeCharacters()
    private final var replacement: [UInt8]?
    final func takeReplacement() -> [UInt8]? { replacement.take() }

    final func look(_ data: UnsafeRawBufferPointer) -> EventKind {
        if replacement != nil { replacement = nil }
        if !characters.isWaiting, isText(data) { return .text }
        if EventContent.isBlank(data) || EventContent.isDone(data) { return .silent }
        guard let (event, whole) = characters.parsed(data), case .object = event else { return .garbled }
        replacement = whole
        let type = event["type"]?.string ?? ""
        // What has no type is no event, and words in it are of something that went wrong.
        if type.isEmpty, let failure = UpstreamError.insideStream(event) ?? UpstreamError.insteadOfAnswer(event) {
            self.failure = failure
            return .failure
        }
        let isError = type == "error" || UpstreamError.insideStream(event) != nil
        let kind =
            isError
            ? fail(event, otherwise: UpstreamError.withoutMessage) : look(into: event, type: type)
        if kind == .mark { isFinished = true }
        return kind
    }

    /// Whether this is one of the many events that only carry text; without parsing.
    fileprivate func isText(_ data: UnsafeRawBufferPointer) -> Bool { false }

    fileprivate func look(into event: JSONValue, type: String) -> EventKind { .silent }

    /// - Parameter event: what holds `error`, or is one itself.
    final fileprivate func fail(_ event: JSONValue, otherwise message: String) -> EventKind {
        let flat: JSONValue = ["error": event]
        failure =
            UpstreamError.insideStream(event) ?? (event["message"] != nil ? UpstreamError.insideStream(flat) : nil)
            ?? Failure(kind: NEXUS_FAIL_UPSTREAM, message: message)
        return .failure
    }
}

/// `POST /v1/responses`: ends with response.completed or response.incomplete.
final class ResponsesStream: TypedStream {
    override fileprivate func isText(_ data: UnsafeRawBufferPointer) -> Bool {
        EventContent.isOfType(data, "\"type\":\"response.", ".delta\"")
    }

    override fileprivate func look(into event: JSONValue, type: String) -> EventKind {
        switch type {
        case "response.completed", "response.incomplete":
            if let counts = event["response"]?["usage"], !counts.isNull { usage = UsageScan.usage(counts) }
            return .mark
        case "response.failed":
            return fail(event["response"] ?? event, otherwise: "the server failed to answer")
        case _ where type.hasSuffix(".delta"): return .text
        case "": return .silent
        default: return .part
        }
    }
}

/// `POST /v1/messages`: ends with message_stop.
final class MessagesStream: TypedStream {
    private static let counted = [
        "input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens",
    ]
    private var counts = JSONObject()

    override fileprivate func isText(_ data: UnsafeRawBufferPointer) -> Bool {
        EventContent.isOfType(data, "\"type\":\"content_block_delta\"", "content_block_delta")
    }

    override fileprivate func look(into event: JSONValue, type: String) -> EventKind {
        switch type {
        case "message_start":
            add(event["message"]?["usage"])
            return .part
        case "message_delta":
            add(event["usage"])
            return .part
        case "message_stop": return .mark
        case "content_block_delta": return .text
        case "ping", "": return .silent
        default: return .part
        }
    }

    /// The counts come in two events: the newest of each counts.
    private func add(_ given: JSONValue?) {
        for name in Self.counted {
            if let value = given?[name], !value.isNull { counts[name] = value }
        }
        usage = UsageScan.usage(.object(counts))
    }
}

/// Streams of speech, transcriptions and images: whatever the events say, they are passed, as long as they are JSON and no
/// errors; what ends the body ends the answer, if there was an event at all.
final class MediaStream: StreamMeaning {
    private(set) var failure: Failure?
    private(set) var usage = TokenUsage()
    private(set) var isFinished = false
    let endMark: [UInt8] = []
    func lastWords() -> [UInt8] { [] }
    private var characters = WholeCharacters()
    private var replacement: [UInt8]?
    func takeReplacement() -> [UInt8]? { replacement.take() }

    func look(_ data: UnsafeRawBufferPointer) -> EventKind {
        if replacement != nil { replacement = nil }
        if EventContent.isDone(data) { return isFinished ? .mark : .silent }
        if EventContent.isBlank(data) { return .silent }
        // Sound and images may be long, and are not parsed.
        let scan = JSONScan(data)
        guard characters.isWaiting || !scan.isWhole || scan.hasSurrogates else { return look(data, scan) }
        let read = characters.read(data) { data -> EventKind? in
            let scan = JSONScan(data)
            return scan.isWhole ? look(data, scan) : nil
        }
        guard let read else { return .garbled }
        replacement = read.replacement
        return read.value
    }

    private func look(_ data: UnsafeRawBufferPointer, _ scan: JSONScan) -> EventKind {
        guard scan.kind == .object else { return .garbled }
        if scan.mayBeError, let failure = UpstreamError.inside(data, scan) {
            self.failure = failure
            return .failure
        }
        if scan.hasUsage { usage = UsageScan.last(in: UnsafeRawBufferPointer(rebasing: data.suffix(16 * 1024))) }
        isFinished = true
        return .part
    }
}
