import NIOCore

/// Tells a client that takes nothing any more, or so little that it comes to the same, from one that is slow. Pure.
struct WriteStall {
    /// In which a client takes at least `progress` bytes, or all there are.
    static let limit = TimeAmount.seconds(120)
    static let progress = 4096
    /// The same where memory is short.
    static let shortLimit = TimeAmount.seconds(2)

    private var waiting = 0
    private var since: NIODeadline?

    /// - Parameter waiting: bytes that the client has not taken; 0: it takes what comes.
    mutating func isStalled(waiting: Int, now: NIODeadline, limit: TimeAmount = Self.limit) -> Bool {
        guard waiting > 0 else {
            since = nil
            return false
        }
        guard let since, waiting > self.waiting - Self.progress else {
            self.since = now
            self.waiting = waiting
            return false
        }
        // More may have been added.
        self.waiting = max(self.waiting, waiting)
        return now - since >= limit
    }
}
