import Synchronization

/// How far a server is from answering with a model.
public enum ModelReadiness: UInt8, Sendable {
    /// Its adapter does not tell.
    case unknown
    case loaded
    /// A request that needs it is under way there: it is being loaded.
    case loading
    case notLoaded

    /// For people and clients.
    public var word: String {
        switch self {
        case .unknown: "unknown"
        case .loaded: "loaded"
        case .loading: "loading"
        case .notLoaded: "not loaded"
        }
    }
}

/// What is known of one model at one backend that decides where a request goes. Written from any thread without a lock. There is
/// one only for models that several backends have: for the others nothing is to be chosen.
public final class ModelStanding: Sendable {
    /// As its adapter tells it, or as an answer has shown since: a `ModelReadiness` that is not `loading`.
    private let told = Atomic<UInt8>(ModelReadiness.unknown.rawValue)
    private let running = Atomic<Int>(0)
    /// Until streams began, and until whole answers were there: the one says nothing of the other.
    private let streams = RecentTime()
    private let wholes = RecentTime()
    /// Bit pattern of a Double.
    private let errorBits = Atomic<UInt64>(0)

    public init(of model: Model? = nil) { note(isLoaded: model?.isLoaded) }

    /// Takes what the adapter tells of it; nil: nothing.
    func note(isLoaded: Bool?) {
        let readiness = isLoaded.map { $0 ? ModelReadiness.loaded : .notLoaded } ?? .unknown
        told.store(readiness.rawValue, ordering: .relaxed)
    }

    /// Takes the share of attempts that failed, 0...1.
    func note(errorRate: Double) { errorBits.store(errorRate.bitPattern, ordering: .relaxed) }

    public var readiness: ModelReadiness {
        let readiness = ModelReadiness(rawValue: told.load(ordering: .relaxed)) ?? .unknown
        return readiness == .notLoaded && running.load(ordering: .relaxed) > 0 ? .loading : readiness
    }

    /// The share of attempts in the last five minutes that failed by the backend's fault, 0...1; 0 as well where there were too few.
    public var errorRate: Double { Double(bitPattern: errorBits.load(ordering: .relaxed)) }

    /// Milliseconds from an attempt to the first of its answer if it had found the server idle, weighted towards the newest; the
    /// older they are, the less they count. 0: not known.
    /// - Parameters:
    ///   - isWhole: of whole answers, which come when all is done; else of streams.
    ///   - now: nanoseconds of the monotonic clock.
    public func answerTime(isWhole: Bool, now: UInt64) -> Double {
        isWhole ? wholes.mean(now: now) : streams.mean(now: now)
    }

    /// What is known of how long it takes to answer; nil: nothing.
    /// - Parameter now: nanoseconds of the monotonic clock.
    func keptTimes(now: UInt64) -> KeptAnswerTimes? {
        let times = KeptAnswerTimes(stream: streams.mean(now: now), whole: wholes.mean(now: now))
        return times.isEmpty ? nil : times
    }

    /// Takes what a run before this one has learnt, where nothing newer is known.
    /// - Parameter now: nanoseconds of the monotonic clock.
    func restore(_ times: KeptAnswerTimes, now: UInt64) {
        streams.restore(times.stream, now: now)
        wholes.restore(times.whole, now: now)
    }

    /// An attempt begins there.
    /// - Parameter ahead: requests in front of it, for each that the server works on at once.
    public func begin(ahead: Double = 0) -> Attempt {
        let isWarm = readiness != .notLoaded && readiness != .loading
        running.add(1, ordering: .relaxed)
        return Attempt(self, isWarm: isWarm, ahead: max(0, ahead))
    }

    /// An attempt with the model at the backend. It counts as under way until it is dropped.
    public struct Attempt: ~Copyable, Sendable {
        private let standing: ModelStanding
        /// The model was loaded when it began, as far as is known.
        private let isWarm: Bool
        private let ahead: Double

        fileprivate init(_ standing: ModelStanding, isWarm: Bool, ahead: Double) {
            self.standing = standing
            self.isWarm = isWarm
            self.ahead = ahead
        }

        deinit { standing.running.subtract(1, ordering: .relaxed) }

        /// The first of the answer has come. That a model had to be loaded says nothing of the next request.
        /// - Parameters:
        ///   - microseconds: since the attempt began.
        ///   - isWhole: it is a whole answer, which comes when all is done.
        ///   - now: nanoseconds of the monotonic clock.
        public func answered(after microseconds: UInt64, isWhole: Bool, now: UInt64) {
            guard isWarm else {
                // The next list says what is true.
                return standing.told.store(ModelReadiness.loaded.rawValue, ordering: .relaxed)
            }
            if isWhole {
                standing.wholes.take(sample(microseconds), now: now)
            } else {
                standing.streams.take(sample(microseconds), now: now)
            }
        }

        /// A stream has not begun, and is no longer waited for: it would have taken at least so long.
        /// - Parameters:
        ///   - microseconds: since the attempt began.
        ///   - now: nanoseconds of the monotonic clock.
        public func waited(_ microseconds: UInt64, now: UInt64) {
            if isWarm { standing.streams.take(atLeast: sample(microseconds), now: now) }
        }

        /// What it waited for others is told by the work in front of it: a fast server must not look slow for being in demand.
        private func sample(_ microseconds: UInt64) -> Double { max(0.001, Double(microseconds) / 1000 / (1 + ahead)) }
    }
}

/// A mean of times that forgets. Written from any thread without a lock: two writers at once may lose a sample, which it would
/// have forgotten anyway.
private struct RecentTime: ~Copyable, Sendable {
    /// Bit pattern of a Double.
    private let bits = Atomic<UInt64>(0)
    /// When the newest sample was taken, in nanoseconds of the monotonic clock.
    private let measuredAt = Atomic<UInt64>(0)

    func restore(_ mean: Double, now: UInt64) {
        guard mean > 0, bits.load(ordering: .relaxed) == 0 else { return }
        take(mean, now: now)
    }

    /// Share of the newest sample in the mean.
    private static let newestShare = 0.3
    /// In so many nanoseconds half of a mean is forgotten, so that a server which was slow once is tried again.
    private static let halfLife = KeptAnswerTimes.halfLife * 1e9

    /// 0: there was none.
    func mean(now: UInt64) -> Double {
        let mean = Double(bitPattern: bits.load(ordering: .relaxed))
        let at = measuredAt.load(ordering: .relaxed)
        guard mean > 0, now > at else { return mean }
        return mean / (1 + Double(now - at) / Self.halfLife)
    }

    func take(_ sample: Double, now: UInt64) {
        let before = Double(bitPattern: bits.load(ordering: .relaxed))
        let after = before == 0 ? sample : before + Self.newestShare * (sample - before)
        bits.store(after.bitPattern, ordering: .relaxed)
        measuredAt.store(now, ordering: .relaxed)
    }

    /// Takes what was not waited for to its end, which says nothing unless it is more than the mean.
    func take(atLeast sample: Double, now: UInt64) {
        if sample > Double(bitPattern: bits.load(ordering: .relaxed)) { take(sample, now: now) }
    }
}
