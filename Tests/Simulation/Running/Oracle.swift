import Core

@testable import AdapterHost
@testable import Gateway

/// Knows what must hold: the rules of docs/architecture.md, as far as they can be seen from around the gateway. Looks after every
/// step, and at each answer.
final class Oracle {
    /// Bytes that may wait for one client, beyond what was read at once.
    private static let clientBound = 1024 * 1024

    private let loop: VirtualLoop
    private let book: AskBook
    private let trace: Trace
    private(set) var violation: String?
    let rares = Rares()
    /// Entries of the history that were seen.
    private var seen: UInt64 = 0
    private var entries: [Int: HistoryEntry] = [:]
    unowned var world: World?
    /// The gateway was told to end, or waits no longer.
    var isDraining = false
    var isStopped = false

    init(_ loop: VirtualLoop, _ book: AskBook, _ trace: Trace) {
        self.loop = loop
        self.book = book
        self.trace = trace
    }

    func violation(_ text: String) {
        guard violation == nil else { return }
        violation = text
        trace.note("VIOLATION: \(text)")
    }

    func sometimes(_ rare: Rare) { rares.note(rare) }

    // MARK: After every step

    func look() {
        guard let world else { return }
        readRecords(world)
        var places = 0
        for (backend, counters, server) in world.backends {
            let inFlight = counters.inFlight
            places += inFlight
            if inFlight < 0 { violation("rule 1: \(backend.identity.name) has \(inFlight) exchanges in flight") }
            if let limit = backend.identity.maxConcurrent, inFlight > limit {
                violation("rule 4: \(backend.identity.name) has \(inFlight) exchanges in flight, \(limit) are allowed")
            }
            if backend.taskCount > inFlight + 1 {
                violation("rule 1: \(backend.identity.name) has \(backend.taskCount) tasks for \(inFlight) exchanges")
            }
            if counters.failures > UInt64(server.blame) {
                violation(
                    "rule 5: \(counters.failures) failures count against \(server.name), which failed \(server.blame) times"
                )
            }
        }
        var underWay = 0
        for connection in world.gateway.connections {
            if connection.exchange != nil { underWay += 1 }
        }
        if places > underWay { violation("rule 1: \(places) places are taken for \(underWay) exchanges") }
        let memory = world.state.memory
        if memory.used < 0 || memory.used > memory.limit {
            violation("rule 4: \(memory.used) bytes are taken in memory")
        }
        for channel in world.clientChannels where channel.waiting > Self.clientBound {
            violation("rule 4: \(channel.waiting) bytes wait for a client")
        }
    }

    private func readRecords(_ world: World) {
        let total = world.state.journal.totals.total
        guard total > seen else { return }
        for entry in world.state.journal.entries(after: seen) {
            guard let number = Ask.number(of: entry.requestID), number < book.notes.count else {
                // A request that could not be read has no number.
                continue
            }
            trace.note("record \(number): \(entry.status) \(entry.statusCode) after \(entry.attempts) attempts")
            book[number].records += 1
            entries[number] = entry
            if book[number].records > 1 { violation("rule 1: ask \(number) is recorded twice") }
            if entry.attempts > 1 { sometimes(.retried) }
            checkTexts(entry.errorMessage ?? "", "the history")
            let milliseconds = (loop.elapsed - book[number].sentAt) / 1_000_000
            if entry.durationMilliseconds > milliseconds + 1 {
                violation(
                    "rule 8: ask \(number) took \(milliseconds) ms, and is recorded with \(entry.durationMilliseconds)")
            }
        }
        seen = total
    }

    /// Nothing may go wrong in this run.
    private var isFaultless: Bool { world?.hasFaults == false }

    private func checkTexts(_ text: String, _ place: String) {
        if text.contains(Secret.key) { violation("rule 7: a key stands in \(place)") }
    }

    // MARK: Answers

    /// The head of an answer has come.
    func began(_ ask: Ask, _ answer: AnswerReader.Answer) {
        guard ask.isExchange, answer.status == 200, let world, !book[ask.number].dataSent else { return }
        let comment = UInt64(max(0, world.keepAliveNanoseconds))
        let waited = loop.elapsed - book[ask.number].sentAt
        if ask.kind == .stream, comment > 0, waited >= comment { return }
        violation("rule 2: ask \(ask.number) is answered with 200 before a server has sent anything")
    }

    /// What a whole answer is worth.
    func verdict(_ ask: Ask, _ answer: AnswerReader.Answer) -> AskBook.Verdict {
        let text = answer.text
        checkTexts(text, "an answer")
        for (_, value) in answer.fields { checkTexts(value, "a field of an answer") }
        if answer["x-request-id"] != ask.id {
            violation("ask \(ask.number) is answered as \(answer["x-request-id"] ?? "nothing")")
        }
        let verdict = judge(ask, answer, text)
        checkRecord(ask, answer, verdict)
        return verdict
    }

    private func judge(_ ask: Ask, _ answer: AnswerReader.Answer, _ text: String) -> AskBook.Verdict {
        switch ask.kind {
        case .chat where answer.status == 200:
            if answer.body != ask.wholeAnswer { violation("ask \(ask.number) got a wrong answer: \(text.prefix(300))") }
            if !book[ask.number].wasFinished {
                violation("rule 2: ask \(ask.number) got a whole answer that no server has finished")
            }
            return .right
        case .stream where answer.status == 200: return judgeStream(ask, text)
        case .models, .health:
            if answer.status != 200, !(ask.kind == .health && answer.status == 503) {
                return refused(ask, answer, text, allowed: [503])
            }
            return .right
        case .unknownModel: return refused(ask, answer, text, allowed: [404, 503])
        case .unknownPath: return refused(ask, answer, text, allowed: [404])
        case .brokenBody: return refused(ask, answer, text, allowed: [400])
        case .chat, .stream: return refused(ask, answer, text, allowed: [400, 404, 429, 500, 501, 502, 503, 504])
        }
    }

    private func refused(
        _ ask: Ask, _ answer: AnswerReader.Answer, _ text: String, allowed: Set<Int>
    ) -> AskBook.Verdict {
        let isCut = answer.status == 408 || answer.status == 503
        if !allowed.contains(answer.status), !isCut {
            violation("ask \(ask.number) (\(ask.kind)) is answered with \(answer.status): \(text.prefix(200))")
        }
        if !text.hasPrefix(#"{"error":"#) {
            violation("ask \(ask.number): an error does not say so: \(answer.status) \(text.prefix(200))")
        }
        if ask.isExchange, isFaultless, answer.status != 404, !isDraining {
            violation("ask \(ask.number) is refused though nothing is wrong: \(answer.status) \(text.prefix(200))")
        }
        if text.contains("as many requests as") { sometimes(.placeRefused) }
        switch answer.status {
        case 429: sometimes(.refusedBusy)
        case 504: sometimes(.refusedTimeout)
        case 503: sometimes(.refusedUnavailable)
        default: break
        }
        return .refused(answer.status)
    }

    private func judgeStream(_ ask: Ask, _ text: String) -> AskBook.Verdict {
        let comment = ": keep-alive\n\n"
        let hasComment = text.contains(comment)
        let said = hasComment ? text.replacing(comment, with: "") : text
        let whole = String(decoding: ask.streamedAnswer, as: UTF8.self)
        if said == whole {
            if !book[ask.number].wasFinished {
                violation("rule 2: ask \(ask.number) got [DONE], and no server has finished its answer")
            }
            if hasComment, book[ask.number].arrivals > 1 { sometimes(.retriedAfterComment) }
            return .right
        }
        if said.contains("[DONE]") { violation("rule 2: ask \(ask.number) got a false [DONE]: \(said.suffix(300))") }
        guard let start = said.firstRange(of: #"data: {"error""#) else {
            violation("rule 2: ask \(ask.number) got a stream that ends without a word: \(said.suffix(300))")
            return .brokenOff
        }
        if !whole.hasPrefix(said[..<start.lowerBound]) {
            violation("ask \(ask.number) got wrong pieces: \(said.suffix(300))")
        }
        if said[start.upperBound...].contains(#"data: {"error""#) {
            violation("rule 2: ask \(ask.number) is told twice that it failed")
        }
        if isFaultless, !isDraining {
            violation("ask \(ask.number) broke off though nothing is wrong: \(said.suffix(200))")
        }
        sometimes(.brokenOff)
        return .brokenOff
    }

    private func checkRecord(_ ask: Ask, _ answer: AnswerReader.Answer, _ verdict: AskBook.Verdict) {
        guard ask.isRecorded else {
            if book[ask.number].records > 0 { violation("rule 1: ask \(ask.number) (\(ask.kind)) is recorded") }
            return
        }
        // What a client was too slow to send never became an exchange.
        if answer.status == 408 { return }
        guard let entry = entries[ask.number] else {
            return violation("rule 1: ask \(ask.number) is answered with \(answer.status) and not recorded")
        }
        let isSuccess = verdict == .right
        if (entry.status == .success) != isSuccess {
            violation("rule 1: ask \(ask.number) is recorded as \(entry.status), and its client got: \(verdict)")
        }
    }

    /// An answer did not come, or not to its end.
    func lost(
        _ ask: Ask, isCut: Bool, answer: AnswerReader.Answer, isEnding: Bool, isFirst: Bool
    ) -> AskBook.Verdict {
        guard isCut else {
            // Nobody promised anything yet: the gateway may close a connection that it has not read a request from.
            if isStopped || isDraining || isEnding { return .unread }
            violation("ask \(ask.number) (\(ask.kind)) was never answered: the connection ended")
            return .unread
        }
        if isStopped { return .aborted }
        // A whole answer that was begun in pieces has no words for its failure, but its missing end.
        if ask.kind == .chat, answer.isChunked {
            sometimes(.aborted)
            return .aborted
        }
        violation("rule 2: the answer to ask \(ask.number) (\(ask.kind)) is cut off without a word")
        return .aborted
    }

    // MARK: The end

    /// Faults have stopped long ago: everything must be at rest.
    func checkRest() {
        guard let world else { return }
        look()
        for note in book.notes where note.isSent {
            if note.verdict == nil {
                violation(
                    "ask \(note.ask.number) (\(note.ask.kind)) has no answer \(world.restSeconds) s after the last fault"
                )
            }
        }
        for (backend, counters, _) in world.backends {
            if counters.inFlight != 0 || backend.taskCount > 0 {
                violation(
                    "rule 1: at the end \(backend.identity.name) has \(counters.inFlight) exchanges in flight and \(backend.taskCount) tasks"
                )
            }
        }
        if world.state.memory.used != 0 { violation("rule 4: at the end \(world.state.memory.used) bytes are taken") }
        if !world.services.callsUnderWay.isEmpty {
            violation("at the end \(world.services.callsUnderWay.count) HTTP requests are under way")
        }
    }
}
