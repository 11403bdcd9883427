import Core
import NIOCore
import Synchronization

/// One subscriber of `/ws`. It reads the broadcast with a cursor of its own, only as fast as its peer takes: what it has
/// in memory is bounded by the channel's high-water mark, and one that falls behind gets a fresh snapshot.
final class WebSocketSession: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Limits {
        static let pingInterval = TimeAmount.seconds(20)
        /// Pings without an answer after which the peer counts as dead.
        static let missedPings = 2
        /// For the peer to take the close frame.
        static let closeTime = TimeAmount.seconds(5)
        /// Updates that are kept for a peer which takes nothing.
        static let owed = 256
        /// Updates taken from the broadcast at once.
        static let batch = 1000
        /// Bytes of messages that are written together.
        static let piece = 16 * 1024
        /// Bytes read at once.
        static let read = 16 * 1024
        /// How long a peer that has sent a whole read of bytes is not read: a page has little to tell, so a flood waits in the
        /// peer's own memory and costs the loop next to nothing.
        static let rest = TimeAmount.milliseconds(5)
    }

    /// What a session is opened with.
    struct Opening {
        var query: WebSocketQuery
        /// The sign-in of who opens it (`Session.number`); nil: it is not by one that he may.
        var signIn: UInt64?
        var watching: Watching?
    }

    let loop: LoopState
    /// It ends when its operator signs out.
    let signIn: UInt64?
    /// Among the connections of the same client, as long as it lasts.
    var place: AddressPlace?
    /// Of one that watches an exchange: whether it knows of something to read.
    let flag = WakeFlag()
    /// The session watches the text of one exchange, and is told of nothing else; nil: it gets the live updates.
    let watching: Watching?
    private var context: ChannelHandlerContext?
    private var subscription: Broadcaster.Subscription?
    private var feed: Feed
    /// Frames that are to be written together.
    private var out = ByteBuffer()
    /// It is served later, since it has been sent much.
    private var isDelayed = false
    /// A picture of the fleet is due later.
    private var awaitsPicture = false
    /// The peer took too little of what it was sent: it gets a fresh picture instead of the rest.
    private var isBehind = false
    /// What a picture does not tell: what was removed, and how actions stand.
    private var owed: [Update] = []
    /// The newest picture of the exchanges under way that the peer was sent.
    private var shownRequests: Update?
    private var requestTicks: RepeatedTask?
    private var unansweredPings = 0
    private var pings: RepeatedTask?
    private var isClosing = false
    private var isResting = false
    private var frames = ClientFrameReader()
    /// The data of the newest ping that was not answered, since the peer takes nothing; older ones need no answer (RFC 6455,
    /// section 5.5.3).
    private var owedPong: ByteBuffer?

    init(loop: LoopState, _ opening: Opening) {
        let query = opening.query
        self.loop = loop
        signIn = opening.signIn
        watching = opening.watching
        let newest = loop.shared.history.entries.last?.sequence ?? 0
        // A number of another run, or of another gateway, tells nothing of what the page has.
        let isOurs = query.instance.map { $0 == loop.shared.ledger.instance.id } ?? true
        feed = Feed(
            form: query.form, watchesRequests: query.watchesRequests, watchesTrouble: query.watchesTrouble,
            lastSequence: query.after.map { isOurs ? min($0, newest) : 0 } ?? newest)
    }

    // MARK: Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        // Clients send little, so one read per turn is enough, also in a flood.
        try? context.channel.syncOptions?.setOption(.maxMessagesPerRead, value: 1)
        try? context.channel.syncOptions?.setOption(
            .recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Limits.read))
        loop.add(self)
        // Meanwhile he may have signed out.
        if let signIn, loop.shared.seal.isOver(signIn) { return goAway() }
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        pings = eventLoop.scheduleRepeatedTask(
            initialDelay: Limits.pingInterval, delay: Limits.pingInterval
        ) { _ in session.value.ping() }
        if let watching { return beginWatching(watching) }
        subscription = loop.live.add(self)
        // After the answer to the upgrade has been written.
        eventLoop.execute { session.value.sendSnapshot() }
        guard feed.watchesRequests else { return }
        requestTicks = eventLoop.scheduleRepeatedTask(
            initialDelay: .zero, delay: RequestPictures.interval
        ) { _ in session.value.askForRequests() }
    }

    func handlerRemoved(context: ChannelHandlerContext) { end() }

    func channelInactive(context: ChannelHandlerContext) {
        end()
        context.fireChannelInactive()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        setReading()
        if context.channel.isWritable {
            if let owedPong { pong(owedPong) }
            if watching == nil { serve() } else { serveText() }
        }
        context.fireChannelWritabilityChanged()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// A peer that takes nothing, or has sent much, is not read.
    private func setReading() {
        guard let context else { return }
        try? context.channel.syncOptions?.setOption(.autoRead, value: context.channel.isWritable && !isResting)
    }

    private func rest() {
        guard let context, !isResting else { return }
        isResting = true
        setReading()
        let session = NIOLoopBound(self, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Limits.rest) {
            session.value.isResting = false
            session.value.setReading()
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        if bytes.readableBytes >= Limits.read { rest() }
        /// Of what was read at once the newest ping is answered (RFC 6455, section 5.5.3).
        var ping: ClientFrameReader.Masked?
        defer { if let ping { pong(ping.unmasked) } }
        do throws(ClientFrameReader.Breach) {
            while !isClosing, let frame = try frames.next(&bytes) {
                switch frame {
                case .ping(let data): ping = data
                case .pong: unansweredPings = 0
                case .close(let code):
                    if let data = ping { pong(data.unmasked) }
                    ping = nil
                    close(code: code)
                }
            }
        } catch {
            close(code: error.code)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // Without a close frame: the peer is gone.
        if case ChannelEvent.inputClosed = event { context.close(promise: nil) }
        context.fireUserInboundEventTriggered(event)
    }

    private func pong(_ data: ByteBuffer) {
        guard let context, !isClosing else { return }
        guard context.channel.isWritable else {
            owedPong = data
            return
        }
        owedPong = nil
        context.writeAndFlush(wrapOutboundOut(ServerFrame.control(.pong, data)), promise: nil)
    }

    /// The gateway stops, and says so to the peer, which can come back later.
    func goAway() {
        close(code: 1001)
    }

    /// Sends the close frame and then closes the connection, whether the peer takes it or not.
    func close(code: UInt16?) {
        guard let context, !isClosing else { return }
        pass()
        isClosing = true
        var payload = ByteBuffer()
        if let code { payload.writeInteger(code) }
        let channel = context.channel
        context.eventLoop.scheduleTask(in: Limits.closeTime) { channel.close(promise: nil) }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ServerFrame.control(.close, payload)))
            .assumeIsolated().whenComplete { _ in bound.value.close(promise: nil) }
    }

    private func end() {
        loop.remove(self)
        watching?.watch.end()
        pings?.cancel()
        pings = nil
        requestTicks?.cancel()
        requestTicks = nil
        if subscription != nil { loop.live.remove(self) }
        subscription = nil
        context = nil
    }

    private func ping() {
        guard let context, !isClosing else { return }
        guard unansweredPings < Limits.missedPings else { return context.close(promise: nil) }
        unansweredPings += 1
        context.writeAndFlush(wrapOutboundOut(ServerFrame.control(.ping)), promise: nil)
    }

    // MARK: Serving

    /// Sends what there is, if the peer takes it. One that does not is served when it does.
    func serve() {
        guard let context, !isClosing, !isDelayed, context.channel.isWritable, var subscription else { return }
        let now = Clock.monotonicNanoseconds()
        let delay = feed.delay(now: now)
        guard delay == 0 else {
            isDelayed = true
            let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
            loop.eventLoop.scheduleTask(in: .nanoseconds(Int64(delay))) {
                session.value.isDelayed = false
                session.value.serve()
            }
            return
        }
        let batch = loop.shared.broadcaster.read(&subscription, limit: Limits.batch)
        self.subscription = subscription
        if batch.lagged > 0 || isBehind {
            isBehind = false
            let skipped = batch.lagged &+ UInt64(batch.updates.count)
            loop.shared.broadcaster.skipped.add(skipped, ordering: .relaxed)
            owe(batch.updates)
            return sendSnapshot()
        }
        let (updates, skipped) = feed.take(batch.updates, now: now)
        loop.shared.broadcaster.skipped.add(UInt64(skipped), ordering: .relaxed)
        sendPicture(now: now)
        for (index, update) in updates.enumerated() {
            guard context.channel.isWritable else {
                isBehind = true
                feed.returned(updates[index...])
                owe(updates[index...])
                loop.shared.broadcaster.skipped.add(UInt64(updates.count - index), ordering: .relaxed)
                break
            }
            write(update)
        }
        flush()
        if updates.contains(where: \.isCancelled) { askForRequests() }
    }

    /// Has the exchanges under way looked at, and sends them. One that takes nothing gets the next picture.
    private func askForRequests() {
        guard let context, !isClosing, context.channel.isWritable else { return }
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let eventLoop = loop.eventLoop
        loop.shared.pictures.picture(of: loop.shared, on: eventLoop) { update in
            eventLoop.execute { session.value.show(update) }
        }
    }

    private func show(_ update: Update) {
        guard let context, !isClosing, context.channel.isWritable, update !== shownRequests else { return }
        // While nothing goes on, saying so once is enough.
        if !update.isIdle || shownRequests?.isIdle != true {
            write(update)
            flush()
        }
        shownRequests = update
    }

    private func owe(_ updates: some Sequence<Update>) {
        guard feed.form == .deltas else { return }
        owed += updates.filter { update in
            switch update.content {
            case .removed, .action: true
            // What was cancelled is told by its record as well.
            // The newest list of troubles comes with the picture.
            case .requestComplete, .backends, .fleet, .models, .requests, .cancelled, .trouble: false
            }
        }
        owed.removeFirst(max(0, owed.count - Limits.owed))
    }

    /// All backends, if that is what the peer gets and one of them has changed.
    private func sendPicture(now: UInt64) {
        switch feed.picture(now: now) {
        case .none: return
        case .now: write(fleet)
        case .later(let nanoseconds):
            guard !awaitsPicture else { return }
            awaitsPicture = true
            let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
            loop.eventLoop.scheduleTask(in: .nanoseconds(Int64(nanoseconds))) {
                session.value.awaitsPicture = false
                session.value.serve()
            }
        }
    }

    /// How all backends stand.
    private var fleet: Update {
        let registry = loop.shared.registry
        return switch feed.form {
        case .pictures: loop.shared.broadcaster.picture { registry.views }
        case .deltas: Update(.backends(registry.views))
        }
    }

    /// How all backends stand, and what was completed since the newest entry the peer has.
    private func sendSnapshot() {
        let newer = loop.shared.history.entries(after: feed.lastSequence)
        let entries = feed.snapshot(newer: newer, now: Clock.monotonicNanoseconds())
        write(fleet)
        if feed.watchesTrouble {
            write(Update(.trouble(loop.shared.trouble, at: Clock.preciseWallSeconds())))
        }
        for update in owed { write(update) }
        owed = []
        for entry in entries { write(Update(.requestComplete(entry))) }
        flush()
    }

    /// The peer takes more right now.
    var isTaking: Bool { !isClosing && context?.channel.isWritable == true }

    func flush() {
        pass()
        context?.flush()
    }

    /// Writes frames, which others may be sent as well, with the next flush.
    func write(_ frames: ByteBuffer) {
        guard !isClosing else { return }
        if out.readableBytes == 0 { out = frames } else { out.writeImmutableBuffer(frames) }
        if out.readableBytes >= Limits.piece { pass() }
    }

    private func write(_ update: Update) { write(update.frames) }

    private func pass() {
        guard let context, !isClosing, out.readableBytes > 0 else { return }
        context.write(wrapOutboundOut(out), promise: nil)
        out = ByteBuffer()
    }
}
