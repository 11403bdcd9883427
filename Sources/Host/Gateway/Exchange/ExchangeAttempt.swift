import AdapterHost
import Core
import Dialects
import NIOCore

/// What a backend says of the attempt under way.
extension Exchange: AttemptSink {
    func attemptBegan(_ head: AttemptHead) -> Bool {
        let dialect = context.dialect
        let type: AnswerType
        if path.isTranslated {
            type = stream ? dialect.streamType : .json
        } else {
            type = head.contentType ?? (stream ? dialect.streamType : .json)
        }
        guard
            dispatch.answerBegan(
                status: head.status, comesInPieces: type != .json,
                hasEvents: type == .eventStream || type == .jsonLines)
        else { return false }
        answerStatus = head.status
        answerType = type
        separators = type.isLines ? LineSeparators() : nil
        exactType = path.isTranslated ? nil : head.exactType
        answerFields = head.headers
        if !head.warning.isEmpty { warnings.append(head.warning) }
        return true
    }

    var attemptIsOverfull: Bool { dispatch.isCommitted && client.isOverfull }
    var attemptIsOutOfMemory: Bool { client.isOutOfMemory }

    func attemptWrote(_ bytes: ByteBuffer) -> AttemptReply {
        if isHedging { answerBegins() }
        guard path.isTranslated else { return take(bytes) }
        guard dispatch.takesPieces else { return .refused }
        do throws(AnswerProblem) {
            let translated = try path.piece(bytes)
            dispatch.dataCame(now: now)
            guard translated.readableBytes > 0 else {
                return countHeld() ? .taken : .failed(.outOfMemory)
            }
            return take(translated)
        } catch {
            return .failed(ExchangeFailure(kind: .upstream, message: error.message))
        }
    }

    /// False if the memory of all is used up.
    func countHeld() -> Bool {
        // A body from which requests for other models may have to be made is kept beside the one that is sent.
        let kept = (isNative ? 0 : requestBody.readableBytes) + (forms.request.chain?.original.readableBytes ?? 0)
        return heldMemory.set((held?.readableBytes ?? 0) + path.waiting + kept)
    }

    /// Takes bytes for the client.
    private func take(_ bytes: ByteBuffer) -> AttemptReply {
        var bytes = bytes
        if separators != nil {
            separators?.escape(&bytes)
            guard bytes.readableBytes > 0 else { return dispatch.takesPieces ? .taken : .refused }
        }
        let now = now
        if stream {
            lastSign = now
            bytes.withUnsafeReadableBytes {
                events.took($0)
                eventCount.took($0)
            }
        }
        switch dispatch.wrote(bytes.readableBytes, now: now) {
        case .refuse: return .refused
        case .hold:
            hold(&bytes)
            guard countHeld() else { return .failed(.outOfMemory) }
        case .commit:
            hold(&bytes)
            commit(held ?? bytes)
        case .send:
            answerBytes &+= UInt64(bytes.readableBytes)
            if let glass { glass.took(bytes) }
            if let capture { capture.took(bytes) }
            client.writePiece(&bytes)
        }
        return .taken
    }

    /// From here on this backend is the one.
    private func commit(_ first: ByteBuffer) {
        requestBody = ByteBuffer()
        forms.forget()
        noteFirstPiece()
        tellTrial()
        client.requestIsDone()
        held = nil
        _ = heldMemory.set(0)
        answerBytes &+= UInt64(first.readableBytes)
        if let glass { glass.took(first) }
        if let capture { capture.took(first) }
        guard dispatch.isHeadSent else {
            return client.beginPieces(status: answerStatus, type: answerType, origin: origin, first: first)
        }
        var first = first
        client.writePiece(&first)
    }

    private func hold(_ bytes: inout ByteBuffer) {
        if held == nil { held = bytes } else { held?.writeBuffer(&bytes) }
    }

    func attemptSaw(_ sign: AttemptSign) {
        dispatch.saw(sign, now: now)
        if sign != .piece { trace(sign) }
    }

    func attemptFlush() {
        if dispatch.isCommitted { client.flush() }
    }

    func attemptFinished(_ outcome: ExchangeOutcome) -> AttemptReply {
        if isHedging { answerBegins() }
        if path.isTranslated {
            guard dispatch.takesPieces else { return .refused }
            if let end = path.takeLargeEnd() { return finishElsewhere(end.size, end.make, outcome) }
            do throws(AnswerProblem) {
                let rest = try path.end()
                if rest.readableBytes > 0, case let reply = take(rest), reply != .taken { return reply }
            } catch {
                return .failed(ExchangeFailure(kind: .upstream, message: error.message, outcome: outcome))
            }
        }
        return finish(outcome)
    }

    /// Sends what was kept back since it might have been a separator.
    private func sendRest() {
        guard let rest = separators?.finish(), rest.readableBytes > 0 else { return }
        separators = nil
        _ = take(rest)
    }

    /// Translates a large answer away from this loop. The attempt is over for its adapter; the exchange is when that is done.
    private func finishElsewhere(
        _ size: Int, _ make: @escaping @Sendable () -> Result<ByteBuffer, AnswerProblem>, _ outcome: ExchangeOutcome
    ) -> AttemptReply {
        let eventLoop = loop.eventLoop
        let exchange = NIOLoopBound(self, eventLoop: eventLoop)
        let attempt = dispatch.attempts
        let isTaken = loop.shared.work.submit(size: size) {
            let result = make()
            eventLoop.execute { exchange.value.finished(with: result, outcome, of: attempt) }
        }
        guard isTaken else {
            return .failed(ExchangeFailure(kind: .busy, message: ErrorBody.overloaded.message))
        }
        task = nil
        dispatch.answerCame()
        return .taken
    }

    /// - Parameter attempt: whose answer it is; another may be under way by now.
    private func finished(
        with result: Result<ByteBuffer, AnswerProblem>, _ outcome: ExchangeOutcome, of attempt: Int
    ) {
        guard !dispatch.isOver, dispatch.attempts == attempt, dispatch.takesPieces else { return }
        switch result {
        case .failure(let problem): attemptFailed(ExchangeFailure(kind: .upstream, message: problem.message))
        case .success(let rest):
            if rest.readableBytes > 0 { _ = take(rest) }
            _ = finish(outcome)
        }
    }

    private func finish(_ outcome: ExchangeOutcome) -> AttemptReply {
        sendRest()
        let finish = dispatch.finished(outcome, now: now)
        if finish == .sendHeld {
            answerBytes = UInt64(held?.readableBytes ?? 0)
            if let glass, let held { glass.tookWhole(held) }
            if let capture, let held { capture.took(held) }
        }
        if finish != .refuse {
            record()
            if !stream { noteWhole(outcome) }
        }
        switch finish {
        case .refuse: return .refused
        case .sendHeld:
            client.writeWhole(status: answerStatus, type: answerType, origin: origin, body: held ?? ByteBuffer())
        case .endStream: client.endPieces()
        }
        release(.success(microseconds: attemptMicroseconds))
        onEnd()
        return .taken
    }
}
