/// How the probes of one backend went in the last hour, in slots of half a minute, and why the last ones failed. Bounded, however
/// many probes there are. Pure; instants are nanoseconds of the monotonic clock.
public struct ProbeStrip: Sendable, Equatable {
    /// How a probe ended, from the best to the worst.
    public enum Outcome: UInt8, Sendable, Comparable, CaseIterable {
        case good
        /// No answer in time, while the server's traffic went on.
        case busy
        /// It said that it is loading a model.
        case loading
        case failed

        public static func < (one: Outcome, other: Outcome) -> Bool { one.rawValue < other.rawValue }

        public var name: String {
            switch self {
            case .good: "good"
            case .busy: "busy"
            case .loading: "loading"
            case .failed: "failed"
            }
        }
    }

    /// The probes that ended within one slot.
    public struct Slot: Sendable, Equatable {
        /// Of the slots since the clock began.
        var number: UInt64
        /// How many there were of each outcome, by its number.
        public fileprivate(set) var counts = SIMD4<UInt16>()
        fileprivate var latencySum: Double = 0
        fileprivate var latencyCount: UInt16 = 0
        /// Why the last one failed that did.
        public fileprivate(set) var error: String?

        public var began: UInt64 { number * ProbeStrip.slotLength }
        public var worst: Outcome { Outcome.allCases.last { counts[Int($0.rawValue)] > 0 } ?? .good }
        /// Mean of those that had an answer, in milliseconds; nil: none had.
        public var latencyMilliseconds: Double? { latencyCount == 0 ? nil : latencySum / Double(latencyCount) }
    }

    /// Failed probes in a row with the same words.
    public struct Failure: Sendable, Equatable {
        /// Of the last one.
        public var instant: UInt64
        public var count: UInt64
        public var message: String
    }

    public static let slotLength: UInt64 = 30 * 1_000_000_000
    public static let slotLimit = 120
    /// Failures that are kept.
    public static let failureLimit = 20
    /// Bytes of the words beside a slot.
    private static let wordLimit = 200

    /// Oldest first; those without a probe are left out.
    public private(set) var slots: [Slot] = []
    /// Oldest first.
    public private(set) var failures: [Failure] = []

    public init() {}

    /// - Parameters:
    ///   - latency: milliseconds; nil: there was no answer.
    ///   - message: why it was not well.
    public mutating func note(_ outcome: Outcome, latency: Double? = nil, message: String = "", at now: UInt64) {
        let number = now / Self.slotLength
        slots.removeAll { $0.number + UInt64(Self.slotLimit) <= number }
        // An instant that was read before the last one belongs to that.
        if slots.last.map({ $0.number < number }) ?? true {
            slots.append(Slot(number: number))
        }
        let last = slots.count - 1
        let place = Int(outcome.rawValue)
        if slots[last].counts[place] < .max { slots[last].counts[place] += 1 }
        if let latency, latency.isFinite, latency >= 0, slots[last].latencyCount < .max {
            slots[last].latencySum += latency
            slots[last].latencyCount += 1
        }
        guard outcome != .good else { return }
        slots[last].error = EntryLimits.cutBytes(message, to: Self.wordLimit)
        guard outcome != .busy else { return }
        if let failure = failures.last, failure.message == message {
            failures[failures.count - 1] = Failure(instant: now, count: failure.count + 1, message: message)
        } else {
            if failures.count >= Self.failureLimit { failures.removeFirst() }
            failures.append(Failure(instant: now, count: 1, message: message))
        }
    }

    /// Those of the last hour.
    public func slots(now: UInt64) -> [Slot] {
        let number = now / Self.slotLength
        return slots.filter { $0.number + UInt64(Self.slotLimit) > number }
    }
}
