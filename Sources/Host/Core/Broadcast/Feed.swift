/// What one subscriber of `/ws` is sent of the broadcast, and when. Pure; times are monotonic nanoseconds.
///
/// A page that was written for the contract replaces all that it shows with each `BackendStatus`, so that whoever has not
/// asked for deltas gets all backends with every one of them. Such a picture is the newest when it is sent: of many changes
/// one after another it replaces those before it.
public struct Feed: Sendable {
    public enum Form: Sendable, Equatable {
        /// Pictures of the whole fleet, `ModelChange` and `RequestComplete`.
        case pictures
        /// The backends that changed, what was removed, and how actions are: everything as it was published.
        case deltas
    }

    /// Between two pictures.
    public static let pictureInterval: UInt64 = 100_000_000

    public let form: Form
    /// The subscriber wants to know of exchanges under way.
    public let watchesRequests: Bool
    /// The subscriber wants to know what is wrong.
    public let watchesTrouble: Bool
    private var pacer = Pacer()
    /// Of the newest history entry that the subscriber has.
    public private(set) var lastSequence: UInt64
    private var wantsPicture = false
    private var lastPicture: UInt64?

    public init(
        form: Form, watchesRequests: Bool = false, watchesTrouble: Bool = false, lastSequence: UInt64
    ) {
        self.form = form
        self.watchesRequests = watchesRequests
        self.watchesTrouble = watchesTrouble
        self.lastSequence = lastSequence
    }

    /// Nanoseconds to wait before serving; 0: now.
    public func delay(now: UInt64) -> UInt64 { pacer.delay(now: now) }

    /// What is to be sent of the updates, in order, and how many of them it has to do without.
    public mutating func take(_ updates: [Update], now: UInt64) -> (send: [Update], skipped: Int) {
        let requests = updates.count { $0.isRequestComplete }
        let allowance = pacer.allowance(now: now)
        var skip = max(0, requests - allowance)
        let skipped = skip
        var send: [Update] = []
        for update in updates {
            switch update.content {
            case .requestComplete(let entry):
                if skip > 0 {
                    skip -= 1
                    continue
                }
                // A snapshot may have told of it already.
                guard entry.sequence > lastSequence else { continue }
                lastSequence = entry.sequence
                send.append(update)
            case .models: send.append(update)
            case .backends, .fleet, .removed:
                if form == .deltas { send.append(update) } else { wantsPicture = true }
            case .action: if form == .deltas { send.append(update) }
            case .requests, .cancelled: if watchesRequests { send.append(update) }
            case .trouble: if watchesTrouble { send.append(update) }
            }
        }
        pacer.served(requests: min(requests, allowance), now: now)
        return (send, skipped)
    }

    /// Some of what was taken was not sent after all: a snapshot tells of it later.
    public mutating func returned(_ updates: some Sequence<Update>) {
        for update in updates {
            guard case .requestComplete(let entry) = update.content else { continue }
            lastSequence = min(lastSequence, entry.sequence &- 1)
            return
        }
    }

    public enum Picture: Sendable, Equatable {
        case none
        case now
        /// To be asked again after so many nanoseconds.
        case later(UInt64)
    }

    /// Whether a picture of the fleet is to be sent; after `now` it counts as sent.
    public mutating func picture(now: UInt64) -> Picture {
        guard wantsPicture else { return .none }
        if let last = lastPicture, now < last + Self.pictureInterval {
            return .later(last + Self.pictureInterval - now)
        }
        noteSnapshot(now: now)
        return .now
    }

    /// Everything is being sent: the fleet, and of the history what the subscriber has not.
    /// - Parameter newer: the entries after `lastSequence`, oldest first.
    /// - Returns: the newest of them, as many as are sent at once.
    public mutating func snapshot(newer: [HistoryEntry], now: UInt64) -> ArraySlice<HistoryEntry> {
        noteSnapshot(now: now)
        let entries = newer.suffix(Pacer.requestsPerTick)
        if let last = entries.last { lastSequence = last.sequence }
        pacer.served(requests: entries.count, now: now)
        return entries
    }

    private mutating func noteSnapshot(now: UInt64) {
        wantsPicture = false
        lastPicture = now
    }
}
