import PluginAPI

/// What the events of a stream mean in one protocol: an object for each stream.
protocol StreamMeaning: AnyObject {
    /// Looks at the data of one event.
    func look(_ data: UnsafeRawBufferPointer) -> EventKind

    /// Why the stream has failed; set when `look` said so.
    var failure: Failure? { get }

    /// What the server told of tokens and times so far.
    var usage: TokenUsage { get }

    /// All that a whole answer needs was there, though the end mark may be missing.
    var isFinished: Bool { get }

    /// An event for the client that belongs before the end mark; mostly empty.
    func lastWords() -> [UInt8]

    /// What ends the stream if the server did not end it so.
    var endMark: [UInt8] { get }

    /// The data that the client gets instead of those looked at last; nil, which is nearly always: these themselves.
    func takeReplacement() -> [UInt8]?
}

/// What one event is to the stream it belongs to.
enum EventKind {
    /// Says nothing about the answer.
    case silent
    /// A part of the answer: from here on the stream is one.
    case part
    /// A part of the answer that carries something the model wrote.
    case text
    /// Nothing that the client asked for.
    case unwanted
    /// The end of the stream; nothing after it is for the client.
    case mark
    /// No JSON object, or a piece of one.
    case garbled
    case failure
}

/// The streams of chat and text completions: chunks with choices, and `[DONE]`.
final class CompletionStream: StreamMeaning {
    /// The client wants a chunk with the usage: then it gets one if it can be known, otherwise none.
    private let wantsUsage: Bool
    private var sawChoice = false
    private(set) var isFinished = false
    private(set) var failure: Failure?
    private var counts: TokenUsage?
    private var timings = TokenUsage()
    /// Members of the newest chunk that was looked into, for one that is added.
    private var identity: [(name: String, value: JSONValue)] = []
    private var characters = WholeCharacters()
    /// Nil: the text of the answer is passed on as it is.
    private var thinking: ThinkingSplit?
    private var replacement: [UInt8]?

    init(wantsUsage: Bool, thinking: InlineThinking.Mode? = nil) {
        self.wantsUsage = wantsUsage
        self.thinking = thinking.map(ThinkingSplit.init)
    }

    func takeReplacement() -> [UInt8]? {
        guard replacement != nil else { return nil }
        defer { replacement = nil }
        return replacement
    }

    var usage: TokenUsage { (counts ?? TokenUsage()).completed(by: timings) }

    var endMark: [UInt8] { EventText.doneMark }

    func look(_ data: UnsafeRawBufferPointer) -> EventKind {
        if replacement != nil { replacement = nil }
        // The first chunk is always looked into: it tells whether the stream is one.
        if sawChoice, thinking == nil, !characters.isWaiting, EventContent.isPlain(data) { return .text }
        if EventContent.isDone(data) { return sawChoice ? .mark : .silent }
        if EventContent.isBlank(data) { return .silent }
        guard let (value, whole) = characters.parsed(data), case .object = value else { return .garbled }
        replacement = whole
        if let failure = UpstreamError.insideStream(value) {
            self.failure = failure
            return .failure
        }
        if let failure = Self.failure(in: value) {
            self.failure = failure
            return .failure
        }
        let kind = look(into: value)
        if let changed = thinking?.changed(value, in: "delta") { replacement = changed.bytes }
        return kind
    }

    /// What a chunk that has no error of its own says all the same: in one of its choices, as OpenRouter does, or instead of
    /// any choices.
    private static func failure(in chunk: JSONValue) -> Failure? {
        guard let choices = chunk["choices"]?.array else { return UpstreamError.insteadOfAnswer(chunk) }
        for choice in choices {
            if choice.errorMember != nil, let failure = UpstreamError.insideStream(choice) { return failure }
            if choice["finish_reason"]?.string == "error" { return UpstreamError.failedChoice }
        }
        return nil
    }

    private func look(into chunk: JSONValue) -> EventKind {
        if thinking != nil { identity = chunk.object?.members.filter { Self.identifying.contains($0.name) } ?? [] }
        if let timings = chunk["timings"], !timings.isNull {
            self.timings = UsageScan.timings(timings)
            if wantsUsage { identity = chunk.object?.members.filter { Self.identifying.contains($0.name) } ?? [] }
        }
        let usage = chunk["usage"].flatMap { $0.isNull ? .none : $0 }
        if let usage { counts = UsageScan.usage(usage) }
        let choices = chunk["choices"]?.array
        if usage != nil, choices?.isEmpty == true { return wantsUsage ? .silent : .unwanted }
        var kind = EventKind.silent
        for choice in choices ?? [] {
            sawChoice = true
            if let reason = choice["finish_reason"]?.string, !reason.isEmpty { isFinished = true }
            kind = kind == .text || Self.isText(choice) ? .text : .part
        }
        return kind
    }

    private static let identifying = ["id", "object", "created", "model", "system_fingerprint"]

    /// The model wrote something.
    private static func isText(_ choice: JSONValue) -> Bool {
        let delta = choice["delta"] ?? choice
        return ["content", "reasoning_content", "reasoning", "text", "refusal", "tool_calls"].contains { name in
            switch delta[name] {
            case .string(let text): !text.isEmpty
            case .array(let items): !items.isEmpty
            default: false
            }
        }
    }

    /// The usage, if the client asked for it and the server told the numbers in another form only.
    func lastWords() -> [UInt8] { restOfThinking() + restOfUsage() }

    /// What was held back of a text that ended without a finish reason.
    private func restOfThinking() -> [UInt8] {
        guard let choices = thinking?.rest() else { return [] }
        return EventText.event(JSONValue.object(JSONObject(identity + [(name: "choices", value: choices)])).bytes)
    }

    private func restOfUsage() -> [UInt8] {
        guard wantsUsage, counts == nil, let prompt = timings.prompt, let completion = timings.completion else {
            return []
        }
        var usage: [(name: String, value: JSONValue)] = [
            ("prompt_tokens", .number(JSONNumber(prompt))), ("completion_tokens", .number(JSONNumber(completion))),
            ("total_tokens", .number(JSONNumber(UInt64.saturatingSum(prompt, completion)))),
        ]
        if let cached = timings.cached {
            usage.append(("prompt_tokens_details", ["cached_tokens": .number(JSONNumber(cached))]))
        }
        let chunk = JSONObject(
            identity + [(name: "choices", value: []), (name: "usage", value: .object(JSONObject(usage)))])
        return EventText.event(JSONValue.object(chunk).bytes)
    }
}
