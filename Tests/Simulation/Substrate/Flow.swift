import Core
import NIOCore

/// What a seed says of one direction of a connection.
struct FlowManner {
    enum Cuts: CaseIterable {
        /// As it was written.
        case whole
        /// Each write in a few pieces.
        case few
        /// The first bytes of each write one by one.
        case single
    }

    var cuts = Cuts.whole
    /// Nanoseconds on the way, and the most that is added by lot.
    var delay: UInt64 = 100_000
    var jitter: UInt64 = 0
    /// Bytes that may have been sent and not read.
    var window = 64 * 1024
    static let largestWindow = 256 * 1024

    static func random(_ random: inout SeededRandom) -> FlowManner {
        let scale: UInt64 = [10_000, 100_000, 1_000_000, 20_000_000].randomElement(using: &random) ?? 0
        return FlowManner(
            cuts: Cuts.allCases.randomElement(using: &random) ?? .whole, delay: scale,
            jitter: Bool.random(using: &random) ? 0 : scale,
            window: [4 * 1024, 16 * 1024, 64 * 1024, largestWindow].randomElement(using: &random) ?? 4096)
    }
}

/// Told of what comes out of one direction of a connection, and of room in the other.
protocol FlowEnd: AnyObject {
    func flowReadable()
    /// Everything has arrived; nothing more comes.
    func flowEnded()
    func flowReset()
    func flowWritable()
}

/// One direction of a connection: bytes on their way, in order, late and in pieces as the seed has it. A window bounds what was sent
/// and not read.
final class Flow {
    private let loop: VirtualLoop
    private var random: SeededRandom
    private let manner: FlowManner
    weak var sender: (any FlowEnd)?
    weak var receiver: (any FlowEnd)?
    /// What has arrived and was not read.
    private(set) var arrived = ByteBuffer()
    private var outstanding = 0
    private var lastArrival: UInt64 = 0
    /// The sender finds no room, and wants to be told of some.
    private var isAwaited = false
    private(set) var isFinished = false
    private(set) var hasEnded = false
    private(set) var isDead = false
    /// The receiver has closed: what arrives is answered with a reset.
    var isRefused = false
    /// What to do when something arrives that is refused.
    var onRefused: (() -> Void)?

    init(_ loop: VirtualLoop, _ manner: FlowManner, seed: UInt64) {
        self.loop = loop
        self.manner = manner
        random = SeededRandom(seed: seed)
    }

    // MARK: Sending

    /// Takes as much as there is room for.
    func write(_ bytes: inout ByteBuffer) -> Int {
        guard !isDead, !isFinished else { return 0 }
        let count = min(bytes.readableBytes, manner.window - outstanding)
        if count < bytes.readableBytes { isAwaited = true }
        guard count > 0, var taken = bytes.readSlice(length: count) else { return 0 }
        outstanding += count
        while let piece = cut(&taken) { deliver { $0.arrive(piece) } }
        return count
    }

    private func cut(_ bytes: inout ByteBuffer) -> ByteBuffer? {
        let left = bytes.readableBytes
        guard left > 1 else { return left == 1 ? bytes.readSlice(length: 1) : nil }
        let length =
            switch manner.cuts {
            case .whole: left
            case .few: max(left / 8, Int.random(in: 1...left, using: &random))
            case .single: Int.random(in: 0..<4, using: &random) > 0 ? 1 : left
            }
        return bytes.readSlice(length: length)
    }

    /// Nothing more is sent.
    func finish() {
        guard !isDead, !isFinished else { return }
        isFinished = true
        deliver { $0.end() }
    }

    private func deliver(_ action: @escaping (Flow) -> Void) {
        let late = manner.jitter > 0 ? UInt64.random(in: 0...manner.jitter, using: &random) : 0
        lastArrival = max(lastArrival, loop.elapsed + manner.delay + late)
        loop.after(lastArrival - loop.elapsed) { [self] in if !isDead { action(self) } }
    }

    // MARK: Arriving

    private func arrive(_ piece: ByteBuffer) {
        guard !isRefused else { return refused() }
        arrived.writeImmutableBuffer(piece)
        receiver?.flowReadable()
    }

    private func end() {
        hasEnded = true
        if !isRefused { receiver?.flowEnded() }
    }

    private func refused() {
        let action = onRefused
        onRefused = nil
        action?()
    }

    func read(atMost count: Int) -> ByteBuffer? {
        guard let bytes = arrived.readSlice(length: min(count, arrived.readableBytes)), bytes.readableBytes > 0 else {
            return nil
        }
        if arrived.readableBytes == 0 { arrived = ByteBuffer() }
        outstanding -= bytes.readableBytes
        if isAwaited, !isDead {
            isAwaited = false
            loop.after(manner.delay) { [self] in if !isDead { sender?.flowWritable() } }
        }
        return bytes
    }

    /// The connection is no more; what is on its way is lost.
    func die(keepsArrived: Bool) {
        isDead = true
        if !keepsArrived { arrived = ByteBuffer() }
    }

    var delay: UInt64 { manner.delay }
}

/// One side of a connection.
final class Plug {
    private let loop: VirtualLoop
    private let incoming: Flow
    private let outgoing: Flow
    private(set) var isClosed = false

    private init(_ loop: VirtualLoop, incoming: Flow, outgoing: Flow) {
        self.loop = loop
        self.incoming = incoming
        self.outgoing = outgoing
        incoming.onRefused = { [weak self] in self?.reset() }
    }

    /// The two sides of a new connection.
    static func pair(_ loop: VirtualLoop, _ random: inout SeededRandom, _ manner: FlowManner?) -> (Plug, Plug) {
        let one = Flow(loop, manner ?? .random(&random), seed: random.next())
        let other = Flow(loop, manner ?? .random(&random), seed: random.next())
        return (Plug(loop, incoming: one, outgoing: other), Plug(loop, incoming: other, outgoing: one))
    }

    func attach(_ end: any FlowEnd) {
        incoming.receiver = end
        outgoing.sender = end
    }

    var available: Int { incoming.arrived.readableBytes }
    /// The other side has ended, and all that it sent was read.
    var isAtEnd: Bool { incoming.hasEnded && available == 0 }
    var hasEnded: Bool { incoming.hasEnded }
    var isDead: Bool { incoming.isDead }

    func read(atMost count: Int) -> ByteBuffer? { incoming.read(atMost: count) }
    func write(_ bytes: inout ByteBuffer) -> Int { outgoing.write(&bytes) }
    func finish() { outgoing.finish() }

    /// As the system closes a socket: in order, or with a reset if something was not read.
    func close() {
        guard !isClosed else { return }
        isClosed = true
        guard available == 0 else { return reset() }
        outgoing.finish()
        incoming.isRefused = true
    }

    func reset() {
        isClosed = true
        guard !outgoing.isDead else { return }
        incoming.die(keepsArrived: false)
        let outgoing = outgoing
        // What is on its way is overtaken.
        loop.after(outgoing.delay) {
            guard !outgoing.isDead else { return }
            outgoing.die(keepsArrived: false)
            outgoing.receiver?.flowReset()
        }
    }
}
