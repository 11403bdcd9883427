import PluginAPI

/// Watches a stream of events on its way to the client. The bytes are not changed, and go on as soon as the event they belong
/// to is complete: so an error that ends the stream never lands in the middle of another event. Nothing goes on before the
/// first event is known not to be an error. What the events mean is the matter of a `StreamMeaning`.
final class StreamWatcher {
    /// What may be sent after a piece: what was held back, then `range` of the piece.
    struct Step {
        var held: [UInt8] = []
        var range = 0..<0
        /// An event after that says that the server failed.
        var failure: Failure?
    }

    struct Verdict {
        var failure: Failure?
        /// What is still to be sent.
        var rest: [UInt8] = []
    }

    /// Bytes of events without a part of the answer after which the stream goes on all the same.
    private static let holdLimit = 64 * 1024

    private let meaning: any StreamMeaning
    private var lines = EventStreamLines()
    /// What came and was not sent: the event under way, and before it, while the stream is not open, all others.
    private var held: [UInt8] = []
    /// Where in `held` the event under way starts.
    private var heldEvent = 0
    private var isOpen = false
    /// Lines of data of the event under way, and what the first of them is.
    private var dataLines = 0
    private var kind = EventKind.silent
    /// What its lines of data are for the client, if they were looked at one by one and changed.
    private var changedLines: [[UInt8]]?
    /// The event under way is named "error".
    private var isNamedError = false
    private var sawMark = false
    /// There was an event, and there was a line that is no part of any.
    private var sawEvent = false
    private var sawForeignLine = false
    /// The end mark ended with a CR that a LF may follow.
    private var awaitsLineFeed = false
    /// An event that was taken out ended with a CR that a LF may follow.
    private var skipsLineFeed = false
    /// The last event that was kept ended with a CR at the end of a piece; a LF that follows belongs to it.
    private var endsWithReturn = false
    private var failure: Failure?
    /// Events with something the model wrote.
    private var texts: UInt64 = 0
    /// The end mark has come whole: whatever follows is not for the client.
    private(set) var isEnded = false

    init(_ meaning: any StreamMeaning) { self.meaning = meaning }

    /// What the server told; where it did not tell what it wrote, the events that carried something.
    var usage: TokenUsage {
        var usage = meaning.usage
        if usage.completion == nil { usage.estimate(texts) }
        return usage
    }

    /// What is known of a stream that broke. A server may have told a count at its start, before it wrote anything.
    var usageSoFar: TokenUsage {
        var usage = usage
        if texts > usage.completion ?? 0 { usage.estimate(texts) }
        return usage
    }

    /// Lines of data of one event; each is looked at by itself where together they mean nothing.
    private static let lineLimit = 10_000

    // MARK: Pieces

    func feed(_ bytes: UnsafeRawBufferPointer) -> Step {
        if awaitsLineFeed { return feedAfterMark(bytes) }
        /// Of the piece: what is sent starts here, and ends with the last whole event.
        var start = 0
        var complete = 0
        if skipsLineFeed, let first = bytes.first {
            skipsLineFeed = false
            start = first == 0x0A ? 1 : 0
        } else if endsWithReturn, bytes.first == 0x0A {
            complete = 1
        }
        if !bytes.isEmpty { endsWithReturn = false }
        do {
            var lines = lines
            self.lines = EventStreamLines()
            try lines.feed(bytes) { line, next in
                if line.kind == .end {
                    endEvent(bytes, &start, complete, next)
                    if failure == nil { complete = next }
                    endsWithReturn = !skipsLineFeed && next == bytes.count && bytes[next - 1] == 0x0D
                } else {
                    look(at: line)
                }
                return failure == nil && !isEnded && !awaitsLineFeed
            }
            self.lines = lines
        } catch {
            failure = Self.tooLong
        }
        if held.count + bytes.count > LineDecoder.defaultLimit, complete == 0 { failure = failure ?? Self.tooLong }
        var step = Step(failure: failure)
        guard isOpen else {
            guard failure == nil else { return step }
            if complete > 0 { heldEvent = held.count + max(0, complete - start) }
            held.append(contentsOf: bytes[start...])
            return step
        }
        if complete > 0 {
            step.held = held
            step.range = start..<complete
            held = []
            heldEvent = 0
        }
        if failure == nil, !isEnded, !awaitsLineFeed { held.append(contentsOf: bytes[max(start, complete)...]) }
        return step
    }

    /// The LF of the end mark's last CR LF still belongs to it.
    private func feedAfterMark(_ bytes: UnsafeRawBufferPointer) -> Step {
        guard let first = bytes.first else { return Step() }
        isEnded = true
        return Step(range: 0..<(first == 0x0A ? 1 : 0))
    }

    /// - Parameter isCut: it has no end.
    private func look(at line: EventStreamLine, isCut: Bool = false) {
        guard line.kind == .data else {
            if line.kind == .other { look(atForeign: line, isCut: isCut) }
            if EventContent.namesError(line) { isNamedError = true }
            return
        }
        dataLines += 1
        if dataLines > Self.lineLimit { failure = failure ?? Self.tooManyLines }
        // Several lines are one text, which is looked at when all of them are there.
        guard dataLines == 1 else { return }
        kind = meaning.look(line.value)
        if kind == .failure { failure = meaning.failure }
    }

    /// A line that is no field of an event. Unknown fields mean nothing, but older versions of llama.cpp put errors into a
    /// field of their own; and no field begins as JSON or a page does, which servers and proxies send instead of an event.
    private func look(atForeign line: EventStreamLine, isCut: Bool) {
        sawForeignLine = true
        if let told = line.value(ofField: "error") {
            failure = failure ?? UpstreamError.insideField(told)
        } else if EventContent.isNoField(line.text) {
            failure = failure ?? UpstreamError.insideLine(line.text) ?? Self.noStream
        } else if !isCut, EventContent.isWords(line.text) {
            failure = failure ?? Self.noStream
        }
    }

    /// - Parameters:
    ///   - start: where in the piece begins what is sent.
    ///   - complete: where in the piece the event begins; 0: perhaps in what is held.
    ///   - next: where it ends.
    private func endEvent(_ bytes: UnsafeRawBufferPointer, _ start: inout Int, _ complete: Int, _ next: Int) {
        if isNamedError { failNamed(event(bytes, complete, next)) }
        guard dataLines > 0 else { return openIfLong(next) }
        sawEvent = true
        if dataLines > 1, failure == nil { lookAtLines(of: event(bytes, complete, next)) }
        dataLines = 0
        switch kind {
        case .text:
            texts += 1
            isOpen = true
            replace(bytes, &start, complete, next)
        case .part:
            isOpen = true
            replace(bytes, &start, complete, next)
        case .silent:
            openIfLong(next)
            replace(bytes, &start, complete, next)
        case .failure: openIfLong(next)
        case .garbled: failure = Self.noJSON
        case .unwanted:
            drop(bytes, start, complete)
            start = next
            skipsLineFeed = bytes[next - 1] == 0x0D && next == bytes.count
        case .mark:
            let words = meaning.lastWords()
            if let data = takeReplacement() {
                put(words + Self.event(event(bytes, complete, next), with: data), bytes, &start, complete, next)
            } else if !words.isEmpty {
                drop(bytes, start, complete, keepsEvent: true, adding: words)
                start = max(start, complete)
            }
            isOpen = true
            sawMark = true
            // After a CR at the end of a piece the LF may follow; the end of the body settles that.
            if bytes[next - 1] == 0x0A || next < bytes.count { isEnded = true } else { awaitsLineFeed = true }
        }
        kind = .silent
    }

    /// Puts other data in the place of those of the event under way, if there are any.
    private func replace(_ bytes: UnsafeRawBufferPointer, _ start: inout Int, _ complete: Int, _ next: Int) {
        guard let data = takeReplacement() else { return }
        put(Self.event(event(bytes, complete, next), with: data), bytes, &start, complete, next)
    }

    /// Puts another event in the place of the one under way.
    private func put(
        _ event: [UInt8], _ bytes: UnsafeRawBufferPointer, _ start: inout Int, _ complete: Int, _ next: Int
    ) {
        drop(bytes, start, complete, adding: event)
        start = next
        skipsLineFeed = bytes[next - 1] == 0x0D && next == bytes.count
    }

    /// Lines of data instead of those of the event that was looked at last.
    private func takeReplacement() -> [[UInt8]]? { changedLines.take() ?? meaning.takeReplacement().map { [$0] } }

    /// The event with other data; its name and all else stay.
    private static func event(_ event: ArraySlice<UInt8>, with data: [[UInt8]]) -> [UInt8] {
        var out: [UInt8] = []
        func keep(_ line: EventStreamLine) {
            guard line.kind != .data, line.kind != .end else { return }
            out.append(contentsOf: line.text)
            out.append(0x0A)
        }
        read(event, keep)
        for data in data { out += EventText.event(data).dropLast() }
        out.append(0x0A)
        return out
    }

    private func event(_ bytes: UnsafeRawBufferPointer, _ complete: Int, _ next: Int) -> ArraySlice<UInt8> {
        complete == 0 ? held[heldEvent...] + bytes[..<next] : Array(bytes[complete..<next])[...]
    }

    /// An event that is named "error" is one, whatever its data are.
    private func failNamed(_ event: ArraySlice<UInt8>) {
        failure = failure ?? UpstreamError.namedEvent(Array(Self.texts(of: event).joined(separator: [0x0A])))
        kind = .failure
    }

    private func openIfLong(_ next: Int) {
        guard !isOpen, held.count + next > Self.holdLimit else { return }
        if sawEvent || !sawForeignLine { isOpen = true } else { failure = failure ?? Self.noStream }
    }

    /// Takes the event under way out of what is sent, or puts something before it. What of the piece came before it is kept
    /// with what is held.
    private func drop(
        _ bytes: UnsafeRawBufferPointer, _ start: Int, _ complete: Int, keepsEvent: Bool = false,
        adding words: [UInt8] = []
    ) {
        if complete == 0 {
            if keepsEvent {
                held.insert(contentsOf: words, at: heldEvent)
            } else {
                held.replaceSubrange(heldEvent..., with: words)
            }
        } else {
            held.append(contentsOf: bytes[start..<complete])
            held.append(contentsOf: words)
        }
    }

    /// An event of several lines of data: joined they are one text; where that means nothing, each may be one.
    private func lookAtLines(of event: ArraySlice<UInt8>) {
        let texts = Self.texts(of: event)
        kind = Array(texts.joined(separator: [0x0A])).withUnsafeBytes { meaning.look($0) }
        guard kind == .garbled else {
            failure = kind == .failure ? meaning.failure : nil
            return
        }
        var isGarbled = false
        var isChanged = false
        let seen = texts.map { text in
            guard kind != .mark, kind != .failure else { return text }
            kind = text.withUnsafeBytes { meaning.look($0) }
            isGarbled = isGarbled || kind == .garbled
            guard let other = meaning.takeReplacement() else { return text }
            isChanged = true
            return other
        }
        if isChanged { changedLines = seen }
        if isGarbled, kind != .failure { kind = .garbled }
        if kind == .failure { failure = meaning.failure }
    }

    /// What the lines of data of an event hold.
    private static func texts(of event: ArraySlice<UInt8>) -> [[UInt8]] {
        var texts: [[UInt8]] = []
        func note(_ line: EventStreamLine) {
            if line.kind == .data { texts.append(Array(line.value)) }
        }
        read(event, note)
        return texts
    }

    private static func read(_ event: ArraySlice<UInt8>, _ look: (EventStreamLine) -> Void) {
        var lines = EventStreamLines(limit: .max)
        event.withUnsafeBytes { bytes in
            try? lines.feed(bytes) { line, _ in
                look(line)
                return true
            }
            lines.finish(look)
        }
    }

    // MARK: The end

    /// The body has ended before the end mark was complete.
    /// - Parameter isWhole: the server ended it, and the connection did not break.
    func finish(isWhole: Bool) -> Verdict {
        if awaitsLineFeed { return Verdict() }
        var isGarbled = false
        lines.finish { line in
            look(at: line, isCut: true)
            isGarbled = line.kind != .data && line.kind != .comment
        }
        if isNamedError, dataLines > 0 { failNamed(held[heldEvent...]) }
        if dataLines > 1, failure == nil { lookAtLines(of: held[heldEvent...]) }
        if let failure { return Verdict(failure: failure) }
        if dataLines > 0 {
            sawMark = kind == .mark
            isGarbled = isGarbled || kind == .garbled
            if kind == .text { texts += 1 }
        }
        guard sawMark || (isWhole && meaning.isFinished && !isGarbled) else {
            return Verdict(
                failure: Failure(
                    kind: NEXUS_FAIL_UPSTREAM, message: "the server closed the stream before it was finished"))
        }
        if kind == .unwanted { held.removeSubrange(heldEvent...) }
        if dataLines > 0, let data = takeReplacement() {
            held.replaceSubrange(heldEvent..., with: Self.event(held[heldEvent...], with: data))
        }
        if sawMark { held.insert(contentsOf: meaning.lastWords(), at: heldEvent) }
        // What is held is an event without its end, perhaps the end mark itself, or the second half of a line end.
        var rest = held
        if rest.contains(where: { $0 > 0x20 }) {
            rest.removeLast(rest.reversed().prefix { $0 == 0x0A || $0 == 0x0D }.count)
            rest += [0x0A, 0x0A]
        }
        if !sawMark { rest += meaning.lastWords() + meaning.endMark }
        return Verdict(rest: rest)
    }

    private static let noJSON = Failure(
        kind: NEXUS_FAIL_UPSTREAM, message: "the server sent an event that is no JSON object")
    private static let noStream = Failure(
        kind: NEXUS_FAIL_UPSTREAM, message: "the server did not answer with a stream of events")
    private static let tooManyLines = Failure(
        kind: NEXUS_FAIL_UPSTREAM, message: "the server sent an event of more than \(lineLimit) lines")
    private static let tooLong = Failure(
        kind: NEXUS_FAIL_UPSTREAM, message: "the server sent an event of more than \(LineDecoder.defaultLimit) bytes")
}
