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

/// Tells a client that takes nothing any more from one that is slow. Pure.
struct WriteStall {
    /// Without a byte taken.
    static let limit = TimeAmount.seconds(120)

    private var waiting = 0
    private var since: NIODeadline?

    /// - Parameter waiting: bytes that the client has not taken; 0: it takes what comes.
    mutating func isStalled(waiting: Int, now: NIODeadline) -> Bool {
        guard waiting > 0 else {
            since = nil
            return false
        }
        // More may have been added since; fewer means that some were taken.
        guard let since, waiting >= self.waiting else {
            self.since = now
            self.waiting = waiting
            return false
        }
        self.waiting = waiting
        return now - since >= Self.limit
    }
}
