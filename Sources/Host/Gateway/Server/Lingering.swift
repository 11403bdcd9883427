import NIOCore

/// How long, and how much, is read and thrown away behind a refusal. A connection that is closed while its client still writes is
/// reset by the kernel, and the reset takes the answer from a client that writes first and reads then (RFC 9112, section 9.6).
/// Pure.
struct Lingering {
    enum Limits {
        static let time = TimeAmount.seconds(30)
        /// Without a byte from the client.
        static let silence = TimeAmount.seconds(5)
        static let bytes = 256 * 1024 * 1024
    }

    private let end: NIODeadline
    private var lastByte: NIODeadline
    private var left = Limits.bytes

    init(now: NIODeadline) {
        end = now + Limits.time
        lastByte = now
    }

    /// Notes what was thrown away. False: it is enough.
    mutating func take(_ count: Int, now: NIODeadline) -> Bool {
        lastByte = now
        left -= min(count, left)
        return left > 0 && now < end
    }

    func isOver(now: NIODeadline) -> Bool { now >= end || now - lastByte >= Limits.silence }
}
