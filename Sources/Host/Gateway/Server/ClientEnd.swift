import NIOCore

/// What follows an answer: the next request, or the end of the connection.
extension ClientConnection {
    // MARK: The next request

    /// The request is not needed any more, though its answer goes on.
    func requestIsDone() { _ = requestMemory.set(0) }

    /// Asked before each piece of an answer: cheap while the client takes what comes.
    var isOverfull: Bool {
        guard !isWritable else { return false }
        return unsent > Limits.unsent || !countUnsent()
    }

    /// False if the memory of all is used up.
    func countUnsent() -> Bool {
        isOutOfMemory = !answerMemory.set(unsent)
        return !isOutOfMemory
    }

    var isWritable: Bool { context?.channel.isWritable ?? false }

    /// Bytes that the client has not taken, beyond those that the kernel keeps for it.
    var unsent: Int { (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0 }

    func answered() {
        guard case .answering = phase else { return }
        receiving.reset()
        _ = requestMemory.set(0)
        isHeadWritten = false
        probe = ClosedInputProbe()
        // It takes nothing, and there is no room for what it has been given.
        if !isWritable, !countUnsent() { return abort() }
        guard head.keepAlive, !loop.isDraining else {
            // The client may still be writing, and nothing will read it.
            return pending != nil || closesHalf && !loop.isDraining ? linger() : closeAfterFlush()
        }
        phase = .head
        lastRead = now
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

    /// In a later turn: this one may be inside an event of the exchange that has just ended.
    /// - Parameter pause: so that others have their turn too: what is due at once is done before the loop looks at sockets.
    func resumeLater(after pause: TimeAmount? = nil) {
        guard !isResuming else { return }
        isResuming = true
        let connection = NIOLoopBound(self, eventLoop: loop.eventLoop)
        if let pause {
            // What comes meanwhile would pile up.
            setReading(false)
            loop.eventLoop.scheduleTask(in: pause) { connection.value.resume() }
        } else {
            loop.eventLoop.execute { connection.value.resume() }
        }
    }

    func resume() {
        isResuming = false
        if isPaused, !isHeldUp { setReading(true) }
        let bytes = pending ?? ByteBuffer()
        pending = nil
        _ = aheadMemory.set(0)
        if !isHeldUp { process(bytes) } else { keep(bytes) }
    }

    // MARK: The end

    /// The client sends nothing more. That may be all it has to say (`shutdown(SHUT_WR)`), or it may be gone (`close`): which of
    /// them shows when something is sent to it, since a peer that is gone answers with a reset.
    func endOfInput() {
        inputIsClosed = true
        switch phase {
        case .head where isHeldUp || isResuming: break
        case .head where pending == nil: closeAfterFlush()
        case .head, .body:
            refuse(ErrorBody(status: 400, message: "The connection's input ended before the request did."))
        case .skipping: closeAfterFlush()
        case .answering: sendProbe(now: now)
        case .lingering, .closing: close()
        case .handedOver: break
        }
    }

    func sendProbe(now: NIODeadline) {
        let stage: ClosedInputProbe.Stage =
            !isHeadWritten ? .beforeHead : sendsChunks ? .betweenChunks : .elsewhere
        guard isWritable, let byte = probe.next(stage, now: now) else { return }
        write(ByteBuffer(bytes: [byte]), flush: true)
    }

    /// Once a second: is a client that has ended its sending side still there? Behind what is not read its end may wait unseen;
    /// one that is there takes what is sent for the start of its answer.
    func lookForClient(now: NIODeadline) {
        if case .answering = phase, inputIsClosed || isPaused { sendProbe(now: now) }
    }

    /// Closes once the client has read what was written, so that a reset does not take it away.
    func linger() {
        guard !inputIsClosed, let context else { return closeAfterFlush() }
        phase = .lingering(Lingering(now: now))
        setReading(true)
        // Over TLS there is no half of a connection to close.
        guard closesHalf else { return context.flush() }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            let (connection, context) = bound.value
            // The client may have taken its time for the answer.
            if case .lingering = connection.phase { connection.phase = .lingering(Lingering(now: connection.now)) }
            context.close(mode: .output, promise: nil)
        }
    }

    func closeAfterFlush() {
        phase = .closing(by: now + Limits.closeTime + .seconds(Int64(unsent / Limits.closeRate)))
        guard let context else { return }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer())).assumeIsolated().whenComplete { _ in
            bound.value.close(promise: nil)
        }
    }

    func close() { context?.close(promise: nil) }

    // MARK: Called by the loop

    /// How much is lost if the connection is closed to make room; nil: too much.
    func idleness(now: NIODeadline) -> Idleness? {
        switch phase {
        case .lingering: Idleness(.stranger, since: lastRead)
        case .head where !hasSpoken: Idleness(.stranger, since: lastRead)
        case .head where isHeldUp || unsent > 0: nil
        case .head where pending == nil: Idleness(.client, since: lastRead)
        case .head, .body, .skipping:
            now - lastRead > Limits.reserveTime ? Idleness(.halfRequest, since: lastRead) : nil
        case .closing: now - lastRead > Limits.reserveTime ? Idleness(.stranger, since: lastRead) : nil
        case .answering, .handedOver: nil
        }
    }

    func keepAlive(after interval: TimeAmount, now: NIODeadline) {
        // Most of a crowd have none, and looking at the channel of each costs a walk through memory.
        guard let service, isWritable else { return }
        service.keepAlive(after: interval, now: now)
    }

    /// Once a second: closes a connection that does not come to the point: one beyond the limit of all, and, when the gateway
    /// ends, one that has begun a request or has been refused, and says no more.
    func sweepHasty(now: NIODeadline) {
        guard isReserve || loop.isDraining, now - lastRead > Limits.reserveTime, unsent == 0, !isHeldUp else { return }
        switch phase {
        case .head: close()
        case .body, .skipping, .lingering: if loop.isDraining { close() }
        case .answering, .closing, .handedOver: break
        }
    }

    /// Closes the connection if it has been silent for too long, or takes nothing.
    func sweep(now: NIODeadline) {
        guard !stall.isStalled(waiting: unsent, now: now) else { return close() }
        if let handshakeBy, now > handshakeBy { return close() }
        switch phase {
        case .head where isHeldUp: break
        case .head where pending == nil: if now - lastRead > Limits.idleTime { close() }
        case .head, .body:
            if receiving.isOver(now: now) {
                refuse(
                    ErrorBody(
                        status: 408,
                        message: "The request did not come within 60 seconds, or came too slowly.",
                        code: "request_timeout"))
            }
        case .skipping: if receiving.isOver(now: now) { close() }
        case .lingering(let lingering): if lingering.isOver(now: now), unsent == 0 { close() }
        case .closing(let end): if now > end { close() }
        case .answering, .handedOver: break
        }
    }

    /// The gateway drains: what is idle is closed, what is under way ends with this answer.
    func drain() {
        // What lingers ends soon by itself.
        guard case .head = phase else { return }
        // Who has just come, or has begun to say what is wanted, is heard; `sweepHasty` ends that.
        let isFresh = !hasSpoken && now - lastRead <= Limits.firstWordTime
        guard isHeldUp || pending == nil && !isFresh else { return }
        // What was sent before this and is still unread comes with the next turn.
        let connection = NIOLoopBound(self, eventLoop: loop.eventLoop)
        loop.eventLoop.scheduleTask(in: Limits.lastWordTime) {
            connection.value.endIfIdle()
        }
    }

    private func endIfIdle() {
        // Of an answer that has ended some may still be on its way.
        if case .head = phase, isHeldUp || pending == nil { closeAfterFlush() }
    }

    /// The gateway waits no longer.
    func stop() {
        service?.stop()
        close()
    }
}
