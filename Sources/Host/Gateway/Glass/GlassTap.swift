import Core
import Dialects
import NIOCore
import Synchronization

/// Takes what an exchange sends to its client to a pane, off the client's path: it copies the bytes, and has them read a little
/// later, several pieces at once; many of them on another thread. Lives on the exchange's event loop, while somebody watches.
final class GlassTap {
    enum Limits {
        /// How long bytes wait. Together with what watchers wait at the most (`stagger`) it stays well under 100 ms.
        static let gap = TimeAmount.milliseconds(40)
        /// Where many watch, they are sent what is new one after another over this time, so that no request waits for all of it.
        static let stagger = TimeAmount.milliseconds(25)
        /// Watchers that are sent it at once.
        static let atOnce = 4
        /// Bytes that are read on the event loop; more are read on another thread.
        static let inline = 16 * 1024
        /// Bytes that wait while others are being read; beyond that some are passed over, and watchers are told.
        static let waiting = 512 * 1024
        /// Bytes of a whole answer; of a larger one nothing is shown.
        static let whole = 4 * 1024 * 1024
    }

    /// The reader: used on the loop or on another thread, one after the other, so nobody waits for the lock.
    private final class Reading: Sendable {
        private let reader: Mutex<AnswerTextReader>
        init(_ form: AnswerTextReader.Form) { reader = Mutex(AnswerTextReader(form)) }

        func read(_ bytes: ByteBuffer, unread: Int) -> [AnswerPart] {
            reader.withLock { reader in
                if unread > 0 { reader.skip() }
                return bytes.withUnsafeReadableBytes { reader.feed($0) }.map { ($0.kind.rawValue, $0.text) }
            }
        }
    }

    let pane: GlassPane
    private let loop: LoopState
    private let reading: Reading
    private var waiting = ByteBuffer()
    /// Bytes that were passed over since the last reading.
    private var unread = 0
    private var isDue = false
    private var isElsewhere = false
    private var over: GlassEnd?
    /// Called when nobody watches any more.
    private let abandoned: () -> Void

    init(
        _ pane: GlassPane, form: AnswerTextReader.Form, loop: LoopState, abandoned: @escaping () -> Void
    ) {
        self.pane = pane
        self.loop = loop
        self.abandoned = abandoned
        reading = Reading(form)
    }

    /// The client is sent this.
    func took(_ bytes: ByteBuffer) {
        guard over == nil else { return }
        if waiting.readableBytes + bytes.readableBytes <= Limits.waiting {
            waiting.writeImmutableBuffer(bytes)
        } else {
            // What comes behind a gap is no continuation of what came before it.
            unread += waiting.readableBytes + bytes.readableBytes
            waiting.clear()
        }
        guard !isDue, !isElsewhere else { return }
        isDue = true
        let tap = NIOLoopBound(self, eventLoop: loop.eventLoop)
        loop.eventLoop.scheduleTask(in: Limits.gap) { tap.value.turn() }
    }

    /// The client is sent this whole answer.
    func tookWhole(_ bytes: ByteBuffer) {
        guard over == nil, bytes.readableBytes > 0 else { return }
        if bytes.readableBytes <= Limits.whole { waiting = bytes } else { unread += bytes.readableBytes }
    }

    /// The exchange has ended.
    func end(_ end: GlassEnd) {
        guard over == nil else { return }
        over = end
        if !isElsewhere { turn() }
    }

    private func turn() {
        isDue = false
        guard !isElsewhere else { return }
        guard pane.watchers > 0 else { return abandoned() }
        let (bytes, unread) = (waiting, unread)
        (waiting, self.unread) = (ByteBuffer(), 0)
        guard bytes.readableBytes > Limits.inline else {
            if bytes.readableBytes > 0 || unread > 0 {
                pane.show(reading.read(bytes, unread: unread), unread: unread)
            }
            if let over { pane.end(over) }
            return
        }
        isElsewhere = true
        let (pane, reading, eventLoop) = (pane, reading, loop.eventLoop)
        let tap = NIOLoopBound(self, eventLoop: eventLoop)
        let isTaken = loop.shared.work.submit(size: bytes.readableBytes) {
            pane.show(reading.read(bytes, unread: unread), unread: unread)
            eventLoop.execute { tap.value.cameBack() }
        }
        guard !isTaken else { return }
        isElsewhere = false
        self.unread = unread + bytes.readableBytes
        if let over {
            pane.show([], unread: self.unread)
            pane.end(over)
        }
    }

    private func cameBack() {
        isElsewhere = false
        if waiting.readableBytes > 0 || unread > 0 || over != nil { turn() }
    }
}
