import NIOCore

/// What follows an answer: the next request, or the end of the connection.
extension ClientConnection {
    // MARK: The next request

    func exchangeEnded() {
        exchange = nil
        answered()
    }

    func laterAnswerEnded() {
        later = nil
        answered()
    }

    /// The request is not needed any more, though its answer goes on.
    func requestIsDone() { _ = requestMemory.set(0) }

    /// Asked before each piece of an answer: cheap while the client takes what comes.
    var isOverfull: Bool {
        guard let waiting = unsent else { return false }
        return waiting > Limits.unsent || !answerMemory.set(waiting)
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    /// Bytes that the client has not taken; nil while it takes what comes.
    var unsent: Int? {
        guard let context, !context.channel.isWritable else { return nil }
        return (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
    }

    func answered() {
        guard case .answering = phase else { return }
        _ = requestMemory.set(0)
        progress = .nothing
        guard head.keepAlive, !loop.isDraining else {
            if pending != nil { return linger() }
            phase = .closing
            return closeAfterFlush()
        }
        phase = .head
        lastRead = .now()
        if !isWritable {
            isHeldUp = true
            return setReading(false)
        }
        // `process` goes on by itself.
        guard !isProcessing else { return }
        if pending != nil {
            setReading(true)
            resumeLater()
        } else if inputIsClosed {
            closeAfterFlush()
        }
    }

    /// In a later turn: this one may be inside an event of the exchange that has just ended, and others have their turn too.
    func resumeLater() {
        guard !isResuming else { return }
        isResuming = true
        let connection = NIOLoopBound(self, eventLoop: loop.eventLoop)
        loop.eventLoop.execute { connection.value.resume() }
    }

    func resume() {
        isResuming = false
        let bytes = pending ?? ByteBuffer()
        pending = nil
        if !isHeldUp { process(bytes) } else { keep(bytes) }
    }

    // MARK: The end

    /// The client sends nothing more. That may be all it has to say (`shutdown(SHUT_WR)`), or it may be gone (`close`): which of
    /// them shows when something is sent to it, since a peer that is gone answers with a reset.
    func endOfInput() {
        inputIsClosed = true
        switch phase {
        case .head where isHeldUp || isResuming: break
        case .head: closeAfterFlush()
        case .body:
            refuse(ErrorBody(status: 400, message: "The connection's input ended before the request did."))
        case .answering: probe()
        case .lingering, .closing: close()
        case .handedOver: break
        }
    }

    /// Sends what belongs to every answer that is not over: the start of its status line, or a zero before the size of its
    /// next chunk (RFC 9112, section 7.1, allows any number of them).
    func probe() {
        switch progress {
        case .nothing:
            progress = .start
            write(ByteBuffer(staticString: Self.startOfAnswer), flush: true)
        case .head where sendsChunks: write(ByteBuffer(staticString: "0"), flush: true)
        case .start, .head: break
        }
    }

    /// Closes once the client has read what was written, so that a reset does not take it away.
    func linger() {
        guard !inputIsClosed, let context else { return closeAfterFlush() }
        phase = .lingering(Lingering(now: .now()))
        setReading(true)
        // Over TLS there is no half of a connection to close.
        guard loop.closesHalf else { return context.flush() }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            bound.value.close(mode: .output, promise: nil)
        }
    }

    func closeAfterFlush() {
        phase = .closing
        guard let context else { return }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            bound.value.close(promise: nil)
        }
    }

    func close() { context?.close(promise: nil) }

    // MARK: Called by the loop

    /// How much is lost if the connection is closed to make room; nil: too much.
    var idleness: Idleness? {
        switch phase {
        case .head where !isHeldUp && pending == nil: Idleness(hasSpoken: hasSpoken, since: lastRead)
        case .head where !hasSpoken: Idleness(hasSpoken: false, since: lastRead)
        case .lingering: Idleness(hasSpoken: false, since: lastRead)
        default: nil
        }
    }

    func keepAlive(after interval: TimeAmount, now: NIODeadline) {
        guard isWritable else { return }
        exchange?.keepAlive(after: interval, now: now)
    }

    /// Closes the connection if it has been silent for too long, or takes nothing.
    func sweep(now: NIODeadline) {
        guard !stall.isStalled(waiting: unsent ?? 0, now: now) else { return close() }
        switch phase {
        case .head where isHeldUp: break
        case .head where pending == nil: if now - lastRead > Limits.idleTime { close() }
        case .head, .body:
            if now - lastRead > Limits.receiveTime {
                refuse(
                    ErrorBody(
                        status: 408, message: "The request did not come within 60 seconds.", code: "request_timeout"))
            }
        case .lingering(let lingering): if lingering.isOver(now: now) { close() }
        case .answering, .closing, .handedOver: break
        }
    }

    /// The gateway drains: what is idle is closed, what is under way ends with this answer.
    func drain() {
        switch phase {
        case .head, .lingering: close()
        default: break
        }
    }

    /// The gateway waits no longer.
    func stop() {
        let preparation = preparation
        self.preparation = nil
        preparation?.stop()
        exchange?.stop()
        close()
    }
}
