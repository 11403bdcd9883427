import Core
import NIOCore

/// What a `WebSocketSession` does that watches one exchange: it sends what is new as fast as its peer takes it, and nothing else.
extension WebSocketSession {
    private enum GlassLimits {
        /// Bytes that are written in one turn.
        static let turn = 32 * 1024
    }

    /// Who watches, and the exchange as it was at the start.
    struct Watching {
        let watch: GlassWatch
        let exchange: ActiveExchange
    }

    func beginWatching(_ watching: Watching) {
        let watch = watching.watch
        let session = NIOLoopBound(self, eventLoop: loop.eventLoop)
        let (eventLoop, flag, pane) = (loop.eventLoop, flag, watch.pane)
        // One after another where there are many.
        let place = Int64(watch.number % UInt64(GlassDesk.Limits.watchersOfOne))
        let late = TimeAmount.nanoseconds(
            GlassTap.Limits.stagger.nanoseconds * place / Int64(GlassDesk.Limits.watchersOfOne))
        watch.begin {
            guard flag.claim() else { return }
            if pane.watchers <= GlassTap.Limits.atOnce {
                eventLoop.execute { session.value.serveText() }
            } else {
                eventLoop.scheduleTask(in: late) { session.value.serveText() }
            }
        }
        var exchange = watching.exchange
        exchange.watchers = pane.watchers
        let hello = UpdateEncoder.exchangeWatched(exchange)
        // After the answer to the upgrade has been written. It may have ended meanwhile.
        eventLoop.execute {
            session.value.write(ServerFrame.text(hello))
            session.value.serveText()
        }
    }

    func serveText() {
        // The flag stays set while the peer is slow: nothing new wakes this session, the writability event does.
        guard let watch = watching?.watch, isTaking else {
            flush()
            return flag.set()
        }
        flag.clear()
        while isTaking {
            let (skipped, frames, end) = watch.read(limit: GlassLimits.turn)
            if skipped > 0 {
                write(ServerFrame.text(UpdateEncoder.exchangeSkipped(watch.pane.key, characters: skipped)))
            }
            for frame in frames { write(frame) }
            if let end { return endWatching(end) }
            if frames.isEmpty { break }
        }
        flush()
        if !isTaking { flag.set() }
    }

    /// The operator's configuration does not allow it any more.
    func hideText() {
        if watching != nil { endWatching(.hidden) }
    }

    private func endWatching(_ end: GlassEnd) {
        guard let watch = watching?.watch else { return }
        write(ServerFrame.text(UpdateEncoder.exchangeEnded(watch.pane.key, end)))
        flush()
        close(code: end == .hidden ? 1008 : 1000)
    }
}
