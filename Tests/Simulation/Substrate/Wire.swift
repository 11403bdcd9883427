import NIOCore

/// The end of a connection that a scripted client or server holds: sends what it is given as fast as the other side takes it, and
/// reads all, or slowly, or not at all.
final class Wire: FlowEnd {
    private let loop: VirtualLoop
    private let plug: Plug
    private var unsent = ByteBuffer()
    private var finishes = false
    private(set) var isOver = false
    private var isReading = true
    private var isReadScheduled = false
    /// Bytes of one read, and nanoseconds until the next; nil: all at once.
    var pace: (bytes: Int, pause: UInt64)?
    /// Everything goes through it; nil: bytes go as they are.
    var tls: TLSEngine?
    var onBytes: (([UInt8]) -> Void)?
    /// The other side sends nothing more.
    var onEnd: (() -> Void)?
    var onReset: (() -> Void)?

    init(_ loop: VirtualLoop, _ plug: Plug) {
        self.loop = loop
        self.plug = plug
        plug.attach(self)
    }

    // MARK: Sending

    func send(_ bytes: some Sequence<UInt8>) {
        guard !isOver else { return }
        if let tls {
            var sealed = tls.seal(bytes)
            unsent.writeBuffer(&sealed)
        } else {
            unsent.writeBytes(bytes)
        }
        push()
    }

    func send(_ text: String) { send(text.utf8) }

    /// Bytes that the other side has no room for.
    var waiting: Int { unsent.readableBytes }

    /// Nothing more is sent.
    func finish() {
        finishes = true
        push()
    }

    private func push() {
        guard !isOver else { return }
        if unsent.readableBytes > 0 { _ = plug.write(&unsent) }
        if unsent.readableBytes == 0, finishes { plug.finish() }
    }

    /// Closes it once everything is sent.
    func close() {
        guard !isOver else { return }
        isOver = true
        if var goodbye = tls?.close() { unsent.writeBuffer(&goodbye) }
        if unsent.readableBytes > 0 { _ = plug.write(&unsent) }
        plug.close()
    }

    func reset() {
        guard !isOver else { return }
        isOver = true
        plug.reset()
    }

    // MARK: Reading

    func setReading(_ reading: Bool) {
        isReading = reading
        if reading { flowReadable() }
    }

    func flowReadable() {
        guard isReading, !isReadScheduled, !isOver else { return }
        isReadScheduled = true
        loop.after(pace?.pause ?? 0) { [self] in
            isReadScheduled = false
            readNow()
        }
    }

    private func readNow() {
        guard !isOver, isReading else { return }
        while let bytes = plug.read(atMost: pace?.bytes ?? .max) {
            take(bytes)
            if pace != nil || isOver { break }
        }
        guard !isOver else { return }
        if plug.available > 0 { flowReadable() } else if plug.isAtEnd { ended() }
    }

    private func take(_ bytes: ByteBuffer) {
        guard let tls else { return onBytes?(Array(bytes.readableBytesView)) ?? () }
        let plain = tls.open(bytes)
        var answer = tls.outgoing()
        unsent.writeBuffer(&answer)
        push()
        if !plain.isEmpty { onBytes?(plain) }
        if tls.isOver { ended() }
    }

    private var hasToldEnd = false

    private func ended() {
        guard !hasToldEnd else { return }
        hasToldEnd = true
        onEnd?()
    }

    func flowEnded() { flowReadable() }

    func flowReset() {
        guard !isOver else { return }
        isOver = true
        onReset?()
    }

    func flowWritable() { push() }
}
