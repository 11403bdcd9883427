import PluginAPI

/// What an exchange asks of the server: enough to send the request, also once more with another key.
final class Order {
    /// `NEXUS_KIND_...`
    let kind: UInt32
    let wantsStream: Bool
    /// The client wants a chunk with the usage.
    let wantsUsage: Bool
    let path: LentText
    /// Of the body, when it may be another than JSON's.
    var contentType: String?
    /// What is sent instead of the client's own body.
    var body: [UInt8]?
    /// What of the request was left out or has another name, for the client; empty: nothing.
    var warning = ""
    /// Those of the client's header fields that go to the server.
    var headers: [HeaderField] = []
    /// Where the answer's text holds what the model thought; nil: it is passed on as it is.
    var thinking: InlineThinking.Mode?

    init(kind: UInt32, wantsStream: Bool, wantsUsage: Bool, path: LentText) {
        self.kind = kind
        self.wantsStream = wantsStream
        self.wantsUsage = wantsUsage
        self.path = path
    }

    /// Requests and answers may be anything, not JSON alone.
    var isMedia: Bool { kind == NEXUS_KIND_AUDIO || kind == NEXUS_KIND_IMAGES }

    /// What a whole answer may be.
    var answerKinds: [JSONScan.Kind] {
        if isMedia { return [.object, .array, .other] }
        return kind == NEXUS_KIND_RERANK ? [.object, .array] : [.object]
    }

    /// The members of which a whole answer has one. Empty: an answer may be anything.
    var answerMembers: JSONScan.Members {
        switch kind {
        case NEXUS_KIND_RESPONSES: [.output]
        case NEXUS_KIND_EMBEDDINGS, NEXUS_KIND_IMAGES: [.data]
        case NEXUS_KIND_RERANK: [.results, .data]
        case NEXUS_KIND_MESSAGES: [.content]
        case NEXUS_KIND_COUNT_TOKENS: [.inputTokens]
        case NEXUS_KIND_AUDIO: []
        default: [.choices]
        }
    }

    var isAnthropic: Bool { kind == NEXUS_KIND_MESSAGES || kind == NEXUS_KIND_COUNT_TOKENS }

    /// What the events of the answer mean.
    var streamMeaning: any StreamMeaning {
        switch kind {
        case NEXUS_KIND_RESPONSES: ResponsesStream()
        case NEXUS_KIND_MESSAGES: MessagesStream()
        case NEXUS_KIND_AUDIO, NEXUS_KIND_IMAGES: MediaStream()
        default: CompletionStream(wantsUsage: wantsUsage, thinking: thinking)
        }
    }
}

/// What of a request's body is changed before it goes to the server.
struct BodyChange: Sendable {
    let rules: MemberRules?
    let asksForUsage: Bool

    enum Outcome: Sendable {
        /// Nil: the client's own body.
        case body([UInt8]?, warning: String)
        /// It is too much for an event loop.
        case tooLong
    }

    /// - Parameter isInline: on an event loop.
    func apply(to body: UnsafeRawBufferPointer, isInline: Bool) -> Outcome {
        var changed: [UInt8]?
        var warning = ""
        if let rules {
            switch MemberEdit.edit(body, rules, steps: isInline ? MemberEdit.inlineSteps : .max) {
            case .unchanged: break
            case .tooLong: return .tooLong
            case .changed(let edit): (changed, warning) = (edit.body, edit.warning)
            }
        }
        if asksForUsage {
            if isInline, body.count > LargeWork.inlineLimit { return .tooLong }
            let asking = changed.map { $0.withUnsafeBytes(UsageQuestion.added) } ?? UsageQuestion.added(to: body)
            changed = asking ?? changed
        }
        return .body(changed, warning: warning)
    }
}

/// Asks for the usage of a stream on behalf of a client that does not want it.
enum UsageQuestion {
    /// The body with `stream_options.include_usage`; all else stays as it is. Nil if it is no object.
    static func added(to body: UnsafeRawBufferPointer) -> [UInt8]? {
        guard let given = (try? JSONValue.parse(body, maximumValues: LargeWork.values))?.object, !given.isEmpty,
            let start = body.firstIndex(of: UInt8(ascii: "{"))
        else { return nil }
        if let options = given["stream_options"] {
            var members = options.object ?? JSONObject()
            members["include_usage"] = true
            var changed = given
            changed["stream_options"] = .object(members)
            return JSONValue.object(changed).bytes
        }
        return Array(body[...start]) + Array(#""stream_options":{"include_usage":true},"#.utf8) + body[(start + 1)...]
    }
}
