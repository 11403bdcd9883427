import PluginAPI

/// Watches a stream of completion chunks on its way to the client. The bytes are not changed, and go on as soon as the event
/// they belong to is complete: so an error that ends the stream never lands in the middle of another event. Nothing goes on
/// before the first event is known not to be an error.
final class StreamWatcher {
    /// What may be sent after a piece: what was held back, then the first `count` bytes of the piece.
    struct Step {
        var held: [UInt8] = []
        var count = 0
        /// An event after that says that the server failed.
        var failure: Failure?
    }

    struct Verdict {
        var failure: Failure?
        /// What is still to be sent.
        var rest: [UInt8] = []
    }

    /// Bytes of events without a choice after which the stream goes on all the same.
    private static let holdLimit = 64 * 1024

    private static let doneMark = Array("data: [DONE]\n\n".utf8)

    private var lines = LineDecoder()
    private var held: [UInt8] = []
    /// An event with a choice was complete, and none was an error.
    private var isOpen = false
    private var hasData = false
    private var sawChoice = false
    private var sawFinish = false
    private var sawDone = false
    /// The newest line of data was neither JSON nor the end mark.
    private var isGarbled = false
    private var failure: Failure?
    /// The end mark has come whole: whatever follows is not for the client.
    private(set) var isEnded = false
    private(set) var usage = TokenUsage()

    func feed(_ bytes: UnsafeRawBufferPointer) -> Step {
        var complete = 0
        do {
            var lines = lines
            self.lines = LineDecoder()
            try lines.feed(bytes) { line, next in
                if EventLine.isData(line) {
                    hasData = true
                    look(EventLine.data(line))
                } else if line.isEmpty {
                    complete = next
                    endEvent(received: held.count + next, hasLineFeed: bytes[next - 1] == 0x0A)
                }
                return failure == nil && !isEnded
            }
            self.lines = lines
        } catch {
            failure = Self.tooLong
        }
        if held.count + bytes.count > LineDecoder.defaultLimit, complete == 0 { failure = failure ?? Self.tooLong }
        var step = Step(failure: failure)
        guard isOpen else {
            if failure == nil { held.append(contentsOf: bytes) }
            return step
        }
        if complete > 0 {
            step.held = held
            step.count = complete
            held = []
        }
        if failure == nil, !isEnded { held.append(contentsOf: bytes[complete...]) }
        return step
    }

    private func endEvent(received: Int, hasLineFeed: Bool) {
        if hasData, sawChoice || received > Self.holdLimit { isOpen = true }
        hasData = false
        // After a CR at the end of a piece the LF may follow; the end of the body settles that.
        if sawDone, hasLineFeed { isEnded = true }
    }

    /// The body has ended before the end mark was complete.
    /// - Parameter isWhole: the server ended it, and the connection did not break.
    func finish(isWhole: Bool) -> Verdict {
        isGarbled = false
        lines.finish { line in
            if EventLine.isData(line) { look(EventLine.data(line)) } else { isGarbled = !line.isEmpty }
        }
        if let failure { return Verdict(failure: failure) }
        guard sawDone || (isWhole && sawFinish && !isGarbled) else {
            return Verdict(
                failure: Failure(
                    kind: NEXUS_FAIL_UPSTREAM, message: "the server closed the stream before it was finished"))
        }
        // What is held is an event without its end, perhaps the end mark itself, or the second half of a line end.
        var rest = held
        if rest.contains(where: { $0 > 0x20 }) {
            rest.removeLast(rest.reversed().prefix { $0 == 0x0A || $0 == 0x0D }.count)
            rest += [0x0A, 0x0A]
        }
        if !sawDone { rest += Self.doneMark }
        return Verdict(rest: rest)
    }

    private func look(_ data: UnsafeRawBufferPointer) {
        if EventLine.isPlain(data) {
            sawChoice = true
            return
        }
        if EventLine.isDone(data) {
            sawDone = sawChoice
            return
        }
        guard let value = try? JSONValue.parse(data), case .object = value else {
            isGarbled = true
            return
        }
        if let failure = UpstreamError.insideStream(value) {
            self.failure = failure
            return
        }
        if let counts = value["usage"], !counts.isNull { usage = UsageScan.usage(counts) }
        for choice in value["choices"]?.array ?? [] {
            sawChoice = true
            if let reason = choice["finish_reason"]?.string, !reason.isEmpty { sawFinish = true }
        }
    }

    private static let tooLong = Failure(
        kind: NEXUS_FAIL_UPSTREAM, message: "the server sent an event of more than \(LineDecoder.defaultLimit) bytes")
}
