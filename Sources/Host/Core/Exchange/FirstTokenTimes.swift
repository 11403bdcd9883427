import Synchronization

/// How long answers of each model took to begin of late: what tells when one is late. Pure.
public struct FirstTokenTimes: Sendable {
    /// What is told apart.
    public struct Key: Hashable, Sendable {
        /// The name at the backends.
        public var model: String
        /// A whole answer begins when all of it is done.
        public var isWhole: Bool

        public init(model: String, isWhole: Bool = false) {
            self.model = model
            self.isWhole = isWhole
        }
    }

    /// The newest that count.
    public static let window = 128
    /// With fewer nothing is told.
    public static let minimum = 20
    /// Models that are kept, those of whole answers counted by themselves; of further ones nothing is.
    public static let limit = 1000
    /// After so many new ones the percentile is found anew.
    private static let step = 8

    private struct Samples: Sendable {
        /// Nanoseconds; a ring.
        private var times: [UInt64] = []
        private var next = 0
        private var new = 0
        private(set) var late: UInt64?

        /// In the order in which they came.
        var all: [UInt64] { Array(times[next...] + times[..<next]) }

        mutating func note(_ time: UInt64) {
            if times.count < FirstTokenTimes.window {
                times.append(time)
            } else {
                times[next] = time
                next = (next + 1) % FirstTokenTimes.window
            }
            new += 1
            guard times.count >= FirstTokenTimes.minimum, late == nil || new >= FirstTokenTimes.step else { return }
            new = 0
            // The least that 95 of 100 do not exceed.
            late = times.sorted()[(times.count * 95 + 99) / 100 - 1]
        }
    }

    private var samples: [Key: Samples] = [:]

    public init() {}

    /// - Parameter nanoseconds: from an attempt to the first of its answer; of one that was given up, until then.
    public mutating func note(_ nanoseconds: UInt64, of key: Key) {
        guard samples[key] != nil || samples.count < Self.limit else { return }
        samples[key, default: Samples()].note(nanoseconds)
    }

    /// The 95th percentile in nanoseconds; nil: too few answers have come.
    public func late(for key: Key) -> UInt64? { samples[key]?.late }

    // MARK: Over a restart

    /// The times of models, in microseconds, for the next run of the gateway; nil: of all.
    func kept(of models: Set<String>?) -> [KeptFigure] {
        samples.filter { models?.contains($0.key.model) ?? true }.map { key, samples in
            KeptFigure(
                scope: .lateness, name: (key.isWhole ? Self.wholeMark : Self.streamMark) + key.model,
                numbers: samples.all.map { Double($0 / 1000) })
        }
    }

    /// Takes what a run before this one has learnt, of models of which nothing newer is known.
    /// - Parameter kept: may come from a file that anybody wrote.
    mutating func restore(_ kept: [KeptFigure]) {
        var known = Set(samples.keys)
        for figure in kept where figure.scope == .lateness {
            let (mark, model) = (figure.name.prefix(Self.wholeMark.count), figure.name.dropFirst(Self.wholeMark.count))
            guard mark == Self.wholeMark || mark == Self.streamMark else { continue }
            let key = Key(model: String(model), isWhole: mark == Self.wholeMark)
            guard known.insert(key).inserted else { continue }
            for time in figure.numbers.suffix(Self.window) {
                note(UInt64(time.whole(in: 0...Self.longest)) * 1000, of: key)
            }
        }
    }

    private static let wholeMark = "whole "
    private static let streamMark = "parts "
    /// Microseconds of a time that is believed: a day.
    private static let longest = 86_400_000_000
}

/// When answers are late, and what came of asking a second backend: for all event loops, and used only where requests are hedged.
/// Callable from any thread.
public final class Hedges: Sendable {
    private let times = Mutex(FirstTokenTimes())
    private let begunCount = Atomic<UInt64>(0)
    private let wonCount = Atomic<UInt64>(0)

    public init() {}

    /// See `FirstTokenTimes.note`.
    public func note(_ nanoseconds: UInt64, of key: FirstTokenTimes.Key) {
        times.withLock { $0.note(nanoseconds, of: key) }
    }

    /// See `FirstTokenTimes.late`.
    public func late(for key: FirstTokenTimes.Key) -> UInt64? { times.withLock { $0.late(for: key) } }

    /// How long answers of models took to begin, for the next run of the gateway; nil: of all.
    public func kept(of models: Set<String>?) -> [KeptFigure] { times.withLock { $0 }.kept(of: models) }

    /// Takes what a run before this one has learnt.
    public func restore(_ kept: [KeptFigure]) { times.withLock { $0.restore(kept) } }

    public func began() { begunCount.add(1, ordering: .relaxed) }
    public func won() { wonCount.add(1, ordering: .relaxed) }

    /// Second attempts.
    public var begun: UInt64 { begunCount.load(ordering: .relaxed) }
    /// Those that the answer came from, since they began to answer before the first attempts did.
    public var wins: UInt64 { wonCount.load(ordering: .relaxed) }
}
