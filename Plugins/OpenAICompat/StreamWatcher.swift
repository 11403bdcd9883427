import PluginAPI

/// Watches a stream of completion chunks on its way to the client. The bytes are not changed; they are held back only
/// until the first event is known not to be an error.
final class StreamWatcher {
    enum Step {
        /// Nothing may be sent yet.
        case hold
        /// Send what was held, then the first `count` bytes of the piece. More follow unless the end mark was among them.
        case pass(held: [UInt8], count: Int)
        /// An event says that the server failed; of the piece, `prefix` bytes come before that event.
        case fail(Failure, prefix: Int)
    }

    struct Verdict {
        var failure: Failure?
        var isFinished: Bool
        var hasDoneMark: Bool
        var usage: TokenUsage
        /// What was held back to the end.
        var rest: [UInt8]
    }

    static let doneMark = Array("data: [DONE]\n\n".utf8)

    /// Bytes before the first event is complete.
    private static let holdLimit = 64 * 1024

    private var lines = LineDecoder()
    private var held: [UInt8] = []
    private var isOpen = false
    private var sawFinish = false
    private var sawDone = false
    /// The end mark has come whole: whatever follows is not for the client.
    private(set) var isEnded = false
    private(set) var usage = TokenUsage()
    private var failure: Failure?
    private var failurePrefix = 0
    private var lineStart = 0

    func feed(_ bytes: UnsafeRawBufferPointer) -> Step {
        var sawEvent = false
        lineStart = 0
        do {
            var lines = lines
            self.lines = LineDecoder()
            try lines.feed(bytes) { line, next in
                if EventLine.isData(line) {
                    sawEvent = true
                    look(EventLine.data(line))
                } else if sawDone, line.isEmpty, bytes[next - 1] == 0x0A {
                    // After a CR at the end of a piece the LF may follow; the end of the body settles that.
                    isEnded = true
                }
                if failure == nil { lineStart = next }
                return failure == nil && !isEnded
            }
            self.lines = lines
        } catch {
            return .fail(
                Failure(
                    kind: NEXUS_FAIL_UPSTREAM,
                    message: "the server sent a line of more than \(LineDecoder.defaultLimit) bytes"),
                prefix: 0)
        }
        if let failure { return .fail(failure, prefix: lineStart) }
        let count = isEnded ? lineStart : bytes.count
        if isOpen { return .pass(held: [], count: count) }
        if sawEvent || held.count + bytes.count > Self.holdLimit {
            isOpen = true
            defer { held = [] }
            return .pass(held: held, count: count)
        }
        held.append(contentsOf: bytes)
        return .hold
    }

    func finish() -> Verdict {
        lines.finish { line in
            if EventLine.isData(line) { look(EventLine.data(line)) }
        }
        return Verdict(
            failure: failure, isFinished: sawFinish || sawDone, hasDoneMark: sawDone, usage: usage,
            rest: isOpen ? [] : held)
    }

    private func look(_ data: UnsafeRawBufferPointer) {
        if EventLine.isPlain(data) { return }
        if EventLine.isDone(data) {
            sawDone = true
            return
        }
        guard let value = try? JSONValue.parse(data), case .object = value else { return }
        if let failure = UpstreamError.insideStream(value) {
            self.failure = failure
            return
        }
        if let counts = value["usage"], !counts.isNull { usage = UsageScan.usage(counts) }
        for choice in value["choices"]?.array ?? [] {
            if let reason = choice["finish_reason"]?.string, !reason.isEmpty { sawFinish = true }
        }
    }
}
