/// What `nexus top` knows: the newest picture, how fast requests come, and whether the gateway still answers. Pure; instants are
/// seconds of one monotonic clock.
public struct TopState: Sendable {
    /// The gateway does not answer.
    public struct Silence: Sendable, Equatable {
        public var since: Double
        public var reason: String
    }

    /// Without a newer picture for so long, what is shown may be out of date.
    static let staleSeconds = 5.0

    public let address: String
    public private(set) var picture: TopPicture?
    public private(set) var silence: Silence?
    /// Requests a second between the last two pictures; nil: not known.
    public private(set) var rate: Double?
    public private(set) var isPaused = false
    private var takenAt = 0.0

    public init(address: String) { self.address = address }

    public mutating func take(_ new: TopPicture, at now: Double) {
        rate = nil
        // Fewer than before, or less time up: another run of the gateway, which counts from 0.
        if let picture, let before = picture.requests, let after = new.requests, after >= before,
            (new.uptime ?? 0) >= (picture.uptime ?? 0), now > takenAt
        {
            rate = Double(after - before) / (now - takenAt)
        }
        picture = new
        takenAt = now
        silence = nil
    }

    public mutating func failed(_ reason: String, at now: Double) {
        rate = nil
        silence = Silence(since: silence?.since ?? now, reason: reason)
    }

    public mutating func pause() { isPaused.toggle() }

    /// What is shown may be out of date.
    func isStale(at now: Double) -> Bool {
        silence != nil || !isPaused && picture != nil && now - takenAt > Self.staleSeconds
    }
}
