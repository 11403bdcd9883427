import Core

/// A scripted client: one connection, over which it asks one thing after another, or all at once. It knows the right answers.
final class Client {
    /// What it does but wait for its answers.
    enum Habit {
        case patient
        /// Closes with a reset, or in order, after a while.
        case vanishes(after: UInt64, orderly: Bool)
        /// Ends its sending side behind its last request.
        case halfCloses
        /// Sends a part of its last request, and no more.
        case sendsHalf
        /// Does not read for a while, once an answer has begun.
        case readsNothing(UInt64)
    }

    let number: Int
    private let loop: VirtualLoop
    private let wire: Wire
    private let book: AskBook
    private let oracle: Oracle
    private let trace: Trace
    private let asks: [Ask]
    private let isPipelining: Bool
    private let habit: Habit
    private let pause: UInt64
    private let sendsSlowly: Bool
    private var reader = AnswerReader()
    /// The next to be sent, and the next to be answered.
    private var sent = 0
    /// What a slow one has still to send.
    private var unsent: [UInt8] = []
    private var answered = 0
    private var isDone = false
    private var hasPaused = false
    /// That it goes away does not reach the gateway.
    var endIsLost = false
    /// The connection is not to be used for another request.
    private var isEnding = false

    init(
        _ number: Int, asks: [Ask], isPipelining: Bool, habit: Habit, sendsSlowly: Bool, pace: (Int, UInt64)?,
        pause: UInt64, wire: Wire, loop: VirtualLoop, book: AskBook, oracle: Oracle, trace: Trace
    ) {
        self.number = number
        self.asks = asks
        self.isPipelining = isPipelining
        self.habit = habit
        self.sendsSlowly = sendsSlowly
        self.pause = pause
        self.wire = wire
        self.loop = loop
        self.book = book
        self.oracle = oracle
        self.trace = trace
        wire.pace = pace.map { (bytes: $0.0, pause: $0.1) }
        wire.onBytes = { [weak self] in self?.take($0) }
        wire.onEnd = { [weak self] in self?.ended("closed") }
        wire.onReset = { [weak self] in self?.ended("reset") }
    }

    func start() {
        if isPipelining {
            while sent < asks.count { sendNext() }
        } else {
            sendNext()
        }
        if case .vanishes(let delay, let orderly) = habit {
            loop.after(delay) { [self] in vanish(orderly) }
        }
    }

    /// Nothing holds it up any more.
    func recover() {
        wire.pace = nil
        wire.setReading(true)
        // What never comes to its end would be waited for.
        if case .sendsHalf = habit, !isDone { vanish(false) }
    }

    // MARK: Asking

    private func sendNext() {
        guard sent < asks.count, !wire.isOver else { return }
        let ask = asks[sent]
        sent += 1
        trace.note("client \(number) asks \(ask.number) (\(ask.kind) of \(ask.model))")
        book[ask.number].sentAt = loop.elapsed
        let isLast = sent == asks.count
        var bytes = ask.bytes
        if case .sendsHalf = habit, isLast { bytes.removeLast(7) } else { book[ask.number].isSent = true }
        guard sendsSlowly else { return send(bytes, isLast) }
        let isDripping = !unsent.isEmpty
        unsent += bytes
        if !isDripping { drip() }
    }

    private func send(_ bytes: some Sequence<UInt8>, _ isLast: Bool) {
        wire.send(bytes)
        if case .halfCloses = habit, isLast { wire.finish() }
    }

    private func drip() {
        guard !wire.isOver, !unsent.isEmpty else { return }
        let piece = Array(unsent.prefix(1 + unsent.count / 5))
        unsent.removeFirst(piece.count)
        send(piece, unsent.isEmpty && sent == asks.count)
        loop.after(300_000_000) { [self] in drip() }
    }

    private func vanish(_ orderly: Bool) {
        guard !isDone else { return }
        trace.note("client \(number) vanishes")
        oracle.sometimes(reader.hasHead ? .vanishedInAnswer : .vanishedBefore)
        isDone = true
        for ask in asks[answered...] where book[ask.number].verdict == nil { book[ask.number].verdict = .abandoned }
        if !endIsLost { if orderly { wire.close() } else { wire.reset() } }
        loop.after(Oracle.freedSeconds * 1_000_000_000) { [self] in oracle.checkFreed(asks[answered...]) }
    }

    // MARK: Answers

    private func take(_ bytes: [UInt8]) {
        for event in reader.feed(bytes) where !isDone {
            guard answered < asks.count else { return oracle.violation("client \(number) got an answer to nothing") }
            let ask = asks[answered]
            switch event {
            case .interim: oracle.sometimes(.toldToContinue)
            case .head(let answer): began(ask, answer)
            case .complete(let answer): finished(ask, answer)
            case .broken(let what):
                oracle.violation("rule 6: client \(number), ask \(ask.number): the answer has \(what)")
            }
        }
    }

    private func began(_ ask: Ask, _ answer: AnswerReader.Answer) {
        oracle.began(ask, answer)
        if answer["connection"] == "close" { isEnding = true }
        guard case .readsNothing(let time) = habit, !hasPaused else { return }
        hasPaused = true
        wire.setReading(false)
        loop.after(time) { [self] in wire.setReading(true) }
    }

    private func finished(_ ask: Ask, _ answer: AnswerReader.Answer) {
        answered += 1
        let verdict = oracle.verdict(ask, answer)
        book[ask.number].verdict = verdict
        trace.note("client \(number): ask \(ask.number) is answered with \(answer.status): \(verdict)")
        if case .halfCloses = habit, answered == asks.count, verdict == .right { oracle.sometimes(.halfClosed) }
        guard answered < asks.count else { return end() }
        if !isPipelining, !isEnding { loop.after(pause) { [self] in if !isDone { sendNext() } } }
    }

    private func end() {
        isDone = true
        wire.close()
    }

    /// The gateway has closed.
    private func ended(_ how: String) {
        if let event = reader.end(), answered < asks.count, case .complete(let answer) = event {
            return finished(asks[answered], answer)
        }
        guard !isDone else { return }
        isDone = true
        trace.note("client \(number): the connection was \(how)")
        wire.close()
        // One answer at the most is cut off, and then those behind it cannot come.
        var isEnding = isEnding
        for (place, ask) in asks[answered...].enumerated() where book[ask.number].isSent {
            let verdict = oracle.lost(
                ask, isCut: place == 0 && reader.hasHead, answer: reader.answer, isEnding: isEnding)
            book[ask.number].verdict = verdict
            isEnding = isEnding || verdict == .aborted
        }
    }

    /// What it gets now are streams alone.
    var takesStreams: Bool {
        guard answered < asks.count else { return false }
        return isPipelining ? asks[answered...].allSatisfy(\.kind.isStream) : asks[answered].kind.isStream
    }

    /// It was promised an answer, and the connection is there.
    var isWaiting: Bool { !isDone }
}
