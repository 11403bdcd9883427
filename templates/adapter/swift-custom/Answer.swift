import Glibc
import PluginAPI

/// Answers one exchange with what the server sends, in OpenAI's shape. The client asks for a whole answer or for a stream,
/// and the server gives what it can: all four cases end here.
final class Answer: HTTPHandler {
    /// Bytes of a whole answer, and of one line of a stream.
    private static let limit = 16 * 1024 * 1024

    private let backend: Backend
    private let order: Order
    private var status: UInt32 = 0
    private var retryAfterMilliseconds: UInt32 = 0
    /// Those of the server's headers that the client may see.
    private var headers: [HeaderField] = []
    /// What the server sends.
    private var isStream = false
    private var hasBegun = false
    /// Finished or failed: whatever still comes is ignored.
    private var isOver = false
    private var lines = LineDecoder(limit: limit)
    /// A whole answer, or the body of an error.
    private var held: [UInt8] = []
    /// The text so far, for a client that wants it whole.
    private var said = ""
    private var usage = TokenUsage()
    private let created = time(nil)

    init(_ order: Order, backend: Backend) {
        self.order = order
        self.backend = backend
    }

    // MARK: Events

    override func head(_ head: nexus_http_head) {
        status = head.status
        headers = head.passedHeaders
        isStream = head.field("content-type")?.text.lowercased().hasPrefix(ServerProtocol.streamType) ?? false
        if let seconds = head.field("retry-after").flatMap({ UInt32($0.text) }), seconds <= 86_400 {
            retryAfterMilliseconds = seconds * 1000
        }
    }

    override func body(_ bytes: UnsafeRawBufferPointer) {
        guard !isOver else { return }
        guard isStream, status <= 299 else {
            guard held.count + bytes.count <= Self.limit else { return fail("the server's answer is too large") }
            held.append(contentsOf: bytes)
            return
        }
        do throws(LineDecoder.TooLong) {
            try lines.feed(bytes) { line, _ in
                if !line.isEmpty { take(Array(line), or: "the server sent a line that is no piece of an answer") }
                return !isOver
            }
        } catch {
            fail("the server's answer is too large")
        }
    }

    override func end(_ end: HTTPEnd) {
        // After a cancellation the exchange is over already, and no one is left to tell.
        guard !isOver, end != .cancelled else { return }
        if end == .complete, goesToNextKey() { return }
        if status > 299 { return failTold(status, (try? JSONValue.parse(held)).flatMap(ServerProtocol.error)) }
        switch end {
        case .complete, .cancelled: break
        case .refused(let message): return fail(message, NEXUS_FAIL_CONNECT)
        case .timedOut(let message): return fail(message, NEXUS_FAIL_TIMEOUT)
        case .closed(let message), .garbage(let message): return fail(message)
        }
        // A whole answer, or a last line without an end.
        lines.finish { held = Array($0) }
        if isStream, held.isEmpty { return fail("the server closed the stream before it was finished") }
        take(held, or: "the server's answer is none, or half of one")
        if !isOver { fail("the server's answer ends before it is finished") }
    }

    /// The server refuses this key or has enough of it: the next one is tried, once each.
    private func goesToNextKey() -> Bool {
        let told = KeyAnswer(status: status, told: nil, retryAfterMilliseconds: retryAfterMilliseconds)
        guard let next = backend.keys.next(after: order.key, tried: order.triedKeys, answer: told) else { return false }
        var again = order
        again.key = next
        again.triedKeys.insert(next)
        return backend.ask(again) == NEXUS_OK
    }

    // MARK: The answer, for OpenAI

    /// A line of the server's stream, or its whole answer: a client that wants a stream gets it at once, any other at the end.
    private func take(_ bytes: [UInt8], or isNone: String) {
        guard let value = try? JSONValue.parse(bytes) else { return fail(isNone) }
        if let words = ServerProtocol.error(value) { return failTold(502, words) }
        guard let piece = ServerProtocol.piece(value) else { return fail(isNone) }
        usage.prompt = piece.promptTokens ?? usage.prompt
        usage.completion = piece.completionTokens ?? usage.completion
        if let text = piece.text {
            if order.wantsStream {
                put(event(chunk(["role": "assistant", "content": .string(text)], nil)))
            } else {
                said += text
                guard said.utf8.count <= Self.limit else { return fail("the server's answer is too large") }
            }
        }
        guard let reason = piece.finishReason else { return }
        if order.wantsStream {
            var end = event(chunk([:], reason))
            if order.wantsUsage, let counts {
                end += event(answer("chat.completion.chunk", choices: [], usage: counts))
            }
            put(end + EventText.doneMark)
        } else {
            let message: JSONValue = ["role": "assistant", "content": .string(said)]
            let choice: JSONValue = ["index": 0, "message": message, "finish_reason": .string(reason)]
            put(answer("chat.completion", choices: [choice], usage: counts).bytes)
        }
        isOver = true
        order.exchange.finish(usage)
    }

    private func chunk(_ delta: JSONValue, _ reason: String?) -> JSONValue {
        let choice: JSONValue = ["index": 0, "delta": delta, "finish_reason": reason.map { .string($0) } ?? .null]
        return answer("chat.completion.chunk", choices: [choice])
    }

    private func answer(_ object: String, choices: [JSONValue], usage: JSONValue? = nil) -> JSONValue {
        var members = JSONObject([
            (name: "id", value: .string("chatcmpl-" + order.requestID)), (name: "object", value: .string(object)),
            (name: "created", value: .number(JSONNumber(created))), (name: "model", value: .string(order.sent.model)),
            (name: "choices", value: .array(choices)),
        ])
        members["usage"] = usage
        return .object(members)
    }

    /// Nil: the server did not count.
    private var counts: JSONValue? {
        guard let prompt = usage.prompt, let completion = usage.completion else { return nil }
        return [
            "prompt_tokens": .number(JSONNumber(prompt)), "completion_tokens": .number(JSONNumber(completion)),
            "total_tokens": .number(JSONNumber(prompt &+ completion)),
        ]
    }

    private func event(_ value: JSONValue) -> [UInt8] { EventText.event(value.bytes) }

    // MARK: What is told

    /// Until the first write the gateway may still try another backend, so nothing is written before there is something to
    /// say.
    private func put(_ bytes: [UInt8]) {
        if !hasBegun { order.exchange.begin(status: 200, warning: order.sent.dropped, headers: headers) }
        hasBegun = true
        order.exchange.write(bytes)
    }

    /// An error of the server, in its own words if it has any.
    private func failTold(_ status: UInt32, _ words: String?) {
        self.status = status
        let kind = Self.kind(status)
        if kind == NEXUS_FAIL_AUTH {
            fail(Refusals.key(status).message, kind)
        } else if let words, !backend.showsSecret(words) {
            fail(words, kind)
        } else {
            fail("the server answered with status \(status)", kind)
        }
    }

    private func fail(_ message: String, _ kind: nexus_failure_kind = NEXUS_FAIL_UPSTREAM) {
        isOver = true
        var failure = Failure(
            kind: kind, status: status, retryAfterMilliseconds: retryAfterMilliseconds, message: message)
        failure.headers = headers
        order.exchange.fail(failure, usage: usage)
    }

    /// Which failure an error answer is: it decides whether the gateway tries another backend, and what the client sees.
    private static func kind(_ status: UInt32) -> nexus_failure_kind {
        switch status {
        case 401, 403: NEXUS_FAIL_AUTH
        // The gateway passes a 404 on, and tries 501 elsewhere.
        case 404, 501: NEXUS_FAIL_UNSUPPORTED
        case 408, 425, 429, 503: NEXUS_FAIL_BUSY
        case 504: NEXUS_FAIL_TIMEOUT
        case 400...499: NEXUS_FAIL_REJECTED
        default: NEXUS_FAIL_UPSTREAM
        }
    }
}
