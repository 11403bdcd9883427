import Synchronization

/// How much a key may be used; nil: as much as its client likes.
public struct KeyLimits: Sendable, Hashable {
    public var requestsPerMinute: Int?
    public var requestsPerDay: Int?
    public var tokensPerMinute: Int?
    public var tokensPerDay: Int?
    /// Requests under way at once.
    public var maxConcurrent: Int?

    public init() {}

    public var isEmpty: Bool { self == KeyLimits() }
}

/// A limit that a request would exceed.
public struct LimitReached: Error, Sendable, Equatable {
    public enum Limit: String, Sendable, CaseIterable {
        case requestsPerMinute = "requests_per_minute"
        case requestsPerDay = "requests_per_day"
        case tokensPerMinute = "tokens_per_minute"
        case tokensPerDay = "tokens_per_day"
        case maxConcurrent = "max_concurrent"
    }

    public var limit: Limit
    /// What it is set to.
    public var allowed: Int
    /// Seconds after which it is worth while to try again.
    public var retryAfter: Int

    /// For people: "60 requests a minute".
    public var words: String {
        switch limit {
        case .requestsPerMinute: "\(allowed) requests a minute"
        case .requestsPerDay: "\(allowed) requests a day"
        case .tokensPerMinute: "\(allowed) tokens a minute"
        case .tokensPerDay: "\(allowed) tokens a day"
        case .maxConcurrent: allowed == 1 ? "1 request at once" : "\(allowed) requests at once"
        }
    }
}

/// What has been used by one key, and what is under way. For all event loops: what is taken is looked at and counted in one step, so
/// that a limit is never exceeded, however many loops take at once.
public final class KeyUsage: Sendable {
    /// What a request has taken: given back, or made right, when it has ended.
    public struct Grant: Sendable, Equatable {
        fileprivate var tokens: UInt64
        fileprivate var minute: UInt64
        fileprivate var day: UInt64
    }

    /// Since the start, and now.
    public struct Figures: Sendable, Equatable {
        public var requests: UInt64 = 0
        /// Refused for a limit, or for a model or backend that the key may not use; not counted above.
        public var refused: UInt64 = 0
        public var promptTokens: UInt64 = 0
        public var completionTokens: UInt64 = 0
        public var active = 0
        public var requestsInMinute: UInt64 = 0
        public var requestsInDay: UInt64 = 0
        public var tokensInMinute: UInt64 = 0
        public var tokensInDay: UInt64 = 0
        /// Unix seconds; nil: never.
        public var lastUsed: Int64?
    }

    struct State {
        var requestsInMinute = UsageWindow.minute
        var requestsInDay = UsageWindow.day
        var tokensInMinute = UsageWindow.minute
        var tokensInDay = UsageWindow.day
        var shownRefusals = UsageWindow.minute
        var figures = Figures()

        mutating func advance(to now: UInt64) {
            requestsInMinute.advance(to: now)
            requestsInDay.advance(to: now)
            tokensInMinute.advance(to: now)
            tokensInDay.advance(to: now)
        }

        /// The limit that is in the way for the longest; nil: none is.
        func obstacle(_ limits: KeyLimits, tokens: UInt64, now: UInt64) -> LimitReached? {
            var worst: LimitReached?
            func look(_ limit: LimitReached.Limit, _ allowed: Int?, _ window: UsageWindow, _ amount: UInt64) {
                guard let allowed, amount > 0,
                    // A request that is larger than the limit by itself is served when nothing else was.
                    let seconds = window.wait(
                        for: min(amount, UInt64(allowed)), limit: UInt64(allowed), now: now),
                    seconds > worst?.retryAfter ?? 0
                else { return }
                worst = LimitReached(limit: limit, allowed: allowed, retryAfter: seconds)
            }
            look(.requestsPerMinute, limits.requestsPerMinute, requestsInMinute, 1)
            look(.requestsPerDay, limits.requestsPerDay, requestsInDay, 1)
            look(.tokensPerMinute, limits.tokensPerMinute, tokensInMinute, tokens)
            look(.tokensPerDay, limits.tokensPerDay, tokensInDay, tokens)
            if worst == nil, let allowed = limits.maxConcurrent, figures.active >= allowed {
                worst = LimitReached(limit: .maxConcurrent, allowed: allowed, retryAfter: 1)
            }
            return worst
        }
    }

    /// For `KeptKeyUsage`.
    let state = Mutex(State())

    public init() {}

    /// Whether a request of any size would be refused, so that its body need not be read. Takes nothing.
    public func mayTake(_ limits: KeyLimits, now: UInt64) throws(LimitReached) {
        if limits.isEmpty { return }
        let obstacle = state.withLock { state in
            state.advance(to: now)
            let obstacle = state.obstacle(limits, tokens: 1, now: now)
            if obstacle != nil { state.figures.refused += 1 }
            return obstacle
        }
        if let obstacle { throw obstacle }
    }

    /// - Parameters:
    ///   - tokens: that the request is estimated at.
    ///   - now: nanoseconds of the monotonic clock.
    ///   - wall: Unix seconds.
    public func take(
        _ limits: KeyLimits, tokens: UInt64, now: UInt64, wall: Int64
    ) throws(LimitReached) -> Grant {
        let result: Result<Grant, LimitReached> = state.withLock { state in
            state.advance(to: now)
            if let obstacle = state.obstacle(limits, tokens: max(1, tokens), now: now) {
                state.figures.refused += 1
                return .failure(obstacle)
            }
            state.requestsInMinute.add(1)
            state.requestsInDay.add(1)
            state.figures.requests += 1
            state.figures.active += 1
            state.figures.lastUsed = wall
            return .success(
                Grant(tokens: tokens, minute: state.tokensInMinute.add(tokens), day: state.tokensInDay.add(tokens)))
        }
        return try result.get()
    }

    /// The request has ended.
    /// - Parameters:
    ///   - prompt: tokens; nil: nobody knows, so that what was estimated counts.
    ///   - completion: likewise.
    ///   - isServed: false: nothing was done for it, and it has used no tokens.
    ///   - seen: tokens that went by, about; counts where nobody knows and it is more than what was estimated.
    public func settle(
        _ grant: Grant, prompt: UInt64?, completion: UInt64?, isServed: Bool, seen: UInt64 = 0, now: UInt64
    ) {
        state.withLock { state in
            state.advance(to: now)
            state.figures.active -= 1
            let (used, _) = (prompt ?? 0).addingReportingOverflow(completion ?? 0)
            let isKnown = prompt != nil || completion != nil
            let right = isKnown ? used : isServed ? max(grant.tokens, seen) : 0
            state.figures.promptTokens &+= prompt ?? 0
            state.figures.completionTokens &+= completion ?? 0
            if right > grant.tokens {
                state.tokensInMinute.add(right - grant.tokens)
                state.tokensInDay.add(right - grant.tokens)
            } else {
                state.tokensInMinute.giveBack(grant.tokens - right, at: grant.minute)
                state.tokensInDay.giveBack(grant.tokens - right, at: grant.day)
            }
        }
    }

    /// Refusals of a key that stand in the history, within a minute: a client that does not stop asking is not to push out all others.
    /// The rest is in the figures.
    static let refusalsShown: UInt64 = 20

    /// A model or a backend was asked for that the key may not use.
    public func wasRefused() { state.withLock { $0.figures.refused += 1 } }

    /// Whether the refusal of a request is to stand in the history.
    /// - Parameter now: nanoseconds of the monotonic clock.
    public func showsRefusal(now: UInt64) -> Bool {
        state.withLock { state in
            state.shownRefusals.advance(to: now)
            guard state.shownRefusals.sum < Self.refusalsShown else { return false }
            state.shownRefusals.add(1)
            return true
        }
    }

    /// - Parameter now: nanoseconds of the monotonic clock.
    public func figures(now: UInt64) -> Figures {
        state.withLock { state in
            state.advance(to: now)
            var figures = state.figures
            figures.requestsInMinute = state.requestsInMinute.sum
            figures.requestsInDay = state.requestsInDay.sum
            figures.tokensInMinute = state.tokensInMinute.sum
            figures.tokensInDay = state.tokensInDay.sum
            return figures
        }
    }
}
