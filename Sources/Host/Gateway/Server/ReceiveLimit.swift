import NIOCore

/// How long a request may take to come, head and body. Bytes now and then keep nothing alive: what counts is how long ago the
/// request began, and how much of it has come. Pure.
struct ReceiveLimit {
    /// For a head, and for the start of a body.
    static let time = TimeAmount.seconds(60)
    /// Without a byte.
    static let silence = TimeAmount.seconds(60)
    /// Bytes of a body that buy it one more second.
    static let rate = 16 * 1024

    /// Where memory is short: until a request that holds some must have come so far that it brings at least `shortRate`, and for
    /// how long nothing may come.
    static let shortTime = TimeAmount.seconds(2)
    /// Bytes a second.
    static let shortRate = 64 * 1024

    private var begun: NIODeadline?
    private var lastByte: NIODeadline?
    private var received = 0

    /// Bytes of a request came; the first of them begin it.
    mutating func take(_ count: Int, now: NIODeadline) {
        if begun == nil { begun = now }
        lastByte = now
        received += count
    }

    /// The request is there, or there is none.
    mutating func reset() { self = ReceiveLimit() }

    /// It holds memory for longer than others can wait.
    func isSlow(now: NIODeadline) -> Bool {
        guard let begun, let lastByte, now - begun > Self.shortTime else { return false }
        let milliseconds = (now - begun).nanoseconds / 1_000_000
        return now - lastByte > Self.shortTime || Int64(received) < milliseconds * Int64(Self.shortRate) / 1000
    }

    func isOver(now: NIODeadline) -> Bool {
        guard let begun, let lastByte else { return false }
        return now - begun > Self.time + .seconds(Int64(received / Self.rate)) || now - lastByte > Self.silence
    }
}
