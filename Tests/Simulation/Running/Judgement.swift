import Core

/// What an answer is worth.
extension Oracle {
    private static let comment: StaticString = ": keep-alive\n\n"
    private static let waitingComment: StaticString = ": waiting for a place, number "

    /// The head of an answer has come.
    func began(_ ask: Ask, _ answer: AnswerReader.Answer) {
        guard ask.isExchange, answer.status == 200, let world, !book[ask.number].dataSent else { return }
        let comment = world.gateway.keepAliveNanoseconds
        let waited = loop.elapsed - book[ask.number].sentAt
        if ask.kind.isStream, comment > 0, waited >= comment { return }
        violation("rule 2: ask \(ask.number) is answered with 200 before a server has sent anything")
    }

    /// A whole answer has come.
    func verdict(_ ask: Ask, _ answer: AnswerReader.Answer) -> AskBook.Verdict {
        check(answer.body, "an answer")
        for (_, value) in answer.fields { check(Array(value.utf8), "a field of an answer") }
        if answer["x-request-id"] != ask.id {
            violation("ask \(ask.number) is answered as \(answer["x-request-id"] ?? "nothing")")
        }
        if answer.body.has("was removed."), world?.orders.hasEnded != true {
            violation("rule 15: ask \(ask.number) is told that its backend was removed, and none was ended at once")
        }
        let verdict = judge(ask, answer)
        checkRecord(ask, answer, verdict)
        checkFallback(ask, answer, verdict)
        return verdict
    }

    private func judge(_ ask: Ask, _ answer: AnswerReader.Answer) -> AskBook.Verdict {
        switch ask.kind {
        case .chat where answer.status == 200:
            if answer.body != ask.wholeAnswer { violation("ask \(ask.number) got a wrong answer: \(answer.start)") }
            if !book[ask.number].wasFinished {
                violation("rule 2: ask \(ask.number) got a whole answer that no server has finished")
            }
            return .right
        case .stream where answer.status == 200: return judgeStream(ask, answer.body)
        case .messages where answer.status == 200, .messagesStream where answer.status == 200:
            return judgeTranslated(ask, answer.body, text: #""text":""#, end: "message_stop", error: "event: error")
        case .ollama where answer.status == 200, .ollamaStream where answer.status == 200:
            return judgeTranslated(ask, answer.body, text: #""content":""#, end: #""done":true"#, error: #"{"error":"#)
        case .models, .health:
            if answer.status == 200 || ask.kind == .health && answer.status == 503 { return .right }
            return refused(ask, answer, allowed: [])
        case .page:
            guard answer.status == 200 else { return refused(ask, answer, allowed: []) }
            if answer.body.has(Secret.markup) { violation("rule 6: what a server said is markup of the page") }
            if answer.body.has("&lt;x-evil&gt;") { sometimes(.pageShown) }
            return .right
        // Where nobody has been reached it may wait.
        case .unknownModel: return refused(ask, answer, allowed: [404, 429])
        case .unknownPath: return refused(ask, answer, allowed: [404])
        case .brokenBody: return refused(ask, answer, allowed: [400])
        case .chat, .stream, .messages, .messagesStream, .ollama, .ollamaStream:
            return refused(ask, answer, allowed: [400, 404, 429, 500, 501, 502, 504])
        }
    }

    private func refused(_ ask: Ask, _ answer: AnswerReader.Answer, allowed: [Int]) -> AskBook.Verdict {
        if ![408, 503].contains(answer.status), !allowed.contains(answer.status) {
            violation("ask \(ask.number) (\(ask.kind)) is answered with \(answer.status): \(answer.start)")
        }
        let isAnthropic = answer.body.place(of: #"{"type":"error""#) == 0
        if !isAnthropic, answer.body.place(of: #"{"error":"#) != 0 {
            violation("ask \(ask.number): an error does not say so: \(answer.status) \(answer.start)")
        }
        if ask.isExchange, isFaultless, !isDraining {
            violation("ask \(ask.number) is refused though nothing is wrong: \(answer.status) \(answer.start)")
        }
        if answer.body.has("all_backends_busy") { sometimes(.placeRefused) }
        checkQueueWords(ask, answer)
        if answer.body.has("model_lacks_ability") {
            sometimes(.refusedForAbility)
            if !ask.hasImage {
                violation("rule 13: ask \(ask.number) needs nothing, and is told that its model lacks it")
            }
        }
        if answer.body.has("too many open files") { sometimes(.shortageTold) }
        if answer.body.has("TLS handshake with") { sometimes(.handshakeTimedOut) }
        if answer.hasNoMemory {
            sometimes(.refusedForMemory)
            if !isShortOfMemory { violation("ask \(ask.number) is refused for want of memory, and none was short") }
        }
        switch answer.status {
        case 429: sometimes(.refusedBusy)
        case 504: sometimes(.refusedTimeout)
        case 503: sometimes(.refusedUnavailable)
        default: break
        }
        return .refused(answer.status)
    }

    /// What is told of the queue is told as documented.
    private func checkQueueWords(_ ask: Ask, _ answer: AnswerReader.Answer) {
        let codes: [(code: StaticString, status: Int)] = [
            ("queue_share", 429), ("queue_full", 503), ("queue_timeout", 503), ("all_backends_busy", 503),
            ("concurrency_limit", 503),
        ]
        for (code, status) in codes where answer.body.has(code) {
            if answer.status != status {
                violation("rule 11: ask \(ask.number) is refused with \(code), and status \(answer.status)")
            }
            if answer["retry-after"].flatMap({ Int($0) }) ?? 0 < 1 {
                violation("rule 11: ask \(ask.number) is refused with \(code), and not told when to come again")
            }
        }
    }

    /// Whether an answer that comes from another model than the first says so.
    private func checkFallback(_ ask: Ask, _ answer: AnswerReader.Answer, _ verdict: AskBook.Verdict) {
        guard ask.isExchange, verdict == .right else { return }
        let (last, told) = (queue.lastTarget[ask.number], answer["x-nexus-fallback-model"])
        if last?.index ?? 0 > 0 { sometimes(.answeredByNextModel) }
        // The head of a stream whose client got a sign of life is older.
        if answer.body.has(Self.comment) || answer.body.has(Self.waitingComment) { return }
        let expected = last.flatMap { $0.index > 0 ? $0.model : nil }
        if told != expected {
            violation(
                "rule 12: ask \(ask.number) is told '\(told ?? "")' for its model, and it was '\(expected ?? "")'")
        }
    }

    private func judgeStream(_ ask: Ask, _ body: [UInt8]) -> AskBook.Verdict {
        let whole = ask.streamedAnswer
        let hasComment = body.has(Self.comment)
        var said = hasComment ? body.without(Self.comment) : body
        if said.has(Self.waitingComment) {
            sometimes(.toldPlace)
            said = said.withoutLines(of: Self.waitingComment)
        }
        if said == whole {
            if !book[ask.number].wasFinished {
                violation("rule 2: ask \(ask.number) got [DONE], and no server has finished its answer")
            }
            if hasComment, book[ask.number].arrivals > 1 { sometimes(.retriedAfterComment) }
            return .right
        }
        let end = String(decoding: said.suffix(300), as: UTF8.self)
        if said.has("[DONE]") { violation("rule 2: ask \(ask.number) got a false [DONE]: \(end)") }
        guard let start = said.place(of: #"data: {"error""#) else {
            violation("rule 2: ask \(ask.number) got a stream that ends without a word: \(end)")
            return .brokenOff
        }
        if !whole.starts(with: said[..<start]) { violation("ask \(ask.number) got wrong pieces: \(end)") }
        if said.place(of: #"data: {"error""#, from: start + 1) != nil {
            violation("rule 2: ask \(ask.number) is told twice that it failed")
        }
        if isFaultless, !isDraining { violation("ask \(ask.number) broke off though nothing is wrong: \(end)") }
        sometimes(.brokenOff)
        return .brokenOff
    }

    /// - Parameters:
    ///   - text: stands before all that the model wrote.
    ///   - end: stands in an answer that is whole.
    private func judgeTranslated(
        _ ask: Ask, _ body: [UInt8], text: StaticString, end: StaticString, error: StaticString
    ) -> AskBook.Verdict {
        let said = body.texts(after: text)
        let last = String(decoding: body.suffix(300), as: UTF8.self)
        if body.has(end) || !ask.kind.isStream {
            if said != ask.text { violation("ask \(ask.number) got a wrong answer: \(last)") }
            if body.has(error) { violation("rule 2: ask \(ask.number) got an end, and an error: \(last)") }
            if !book[ask.number].wasFinished {
                violation("rule 2: ask \(ask.number) got an end, and no server has finished its answer")
            }
            sometimes(.translated)
            return .right
        }
        if !body.has(error) { violation("rule 2: ask \(ask.number) got a stream that ends without a word: \(last)") }
        if !ask.text.starts(with: said) { violation("ask \(ask.number) got wrong pieces: \(last)") }
        if isFaultless, !isDraining { violation("ask \(ask.number) broke off though nothing is wrong: \(last)") }
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
        guard let entry = entry(ask.number) else {
            // Nor did one for whose bytes there was no room.
            if answer.hasNoMemory { return }
            return violation("rule 1: ask \(ask.number) is answered with \(answer.status) and not recorded")
        }
        if (entry.status == .success) != (verdict == .right) {
            violation("rule 1: ask \(ask.number) is recorded as \(entry.status), and its client got: \(verdict)")
        }
    }

    /// An answer did not come, or not to its end.
    /// - Parameters:
    ///   - isCut: it had begun.
    ///   - isEnding: the connection was said to end with an answer before.
    func lost(_ ask: Ask, isCut: Bool, answer: AnswerReader.Answer, isEnding: Bool) -> AskBook.Verdict {
        guard isCut else {
            if isShortOfMemory { return .unread }
            // It was cut off so early that nothing of it has come.
            if !ask.kind.isStream, let entry = entry(ask.number), entry.status == .error, entry.statusCode == 200 {
                return .aborted
            }
            // Nobody promised anything yet: the gateway may close a connection from which it has not read a request.
            if !(isStopped || isDraining || isEnding) {
                violation("ask \(ask.number) (\(ask.kind)) was never answered: the connection ended")
            }
            return .unread
        }
        if isStopped { return .aborted }
        // A whole answer that was begun in pieces has no words for its failure but its missing end.
        if !ask.kind.isStream, answer.isChunked {
            sometimes(.aborted)
            return .aborted
        }
        // A client that takes nothing is let go where there is no room for what it has not taken.
        if isShortOfMemory {
            sometimes(.cutForMemory)
            return .aborted
        }
        violation("rule 2: the answer to ask \(ask.number) (\(ask.kind)) is cut off without a word")
        return .aborted
    }
}

extension AnswerReader.Answer {
    /// For a message.
    fileprivate var start: String { String(decoding: body.prefix(300), as: UTF8.self) }
    /// It is the refusal for want of memory, in the words of whichever API.
    fileprivate var hasNoMemory: Bool { status == 503 && body.has("server.max_memory_bytes") }
}
