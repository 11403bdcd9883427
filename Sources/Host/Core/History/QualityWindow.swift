/// How well attempts went that ended within one stretch of time.
public struct QualitySums: Sendable, Equatable {
    /// Those that went well and those that failed by the backend's fault; others say nothing of it.
    public internal(set) var attempts: UInt64 = 0
    public internal(set) var failures: UInt64 = 0
    var firstTokens: UInt64 = 0
    var firstTokenMilliseconds = Tally()
    var timedTokens = Tally()
    var generation = TimeTally()

    /// 0...1; 0 where there was no attempt.
    public var errorRate: Double { attempts == 0 ? 0 : Double(failures) / Double(attempts) }

    /// Mean from the start of an attempt to its first token; nil: none is known.
    public var timeToFirstTokenMilliseconds: Double? {
        firstTokens == 0 ? nil : Double(firstTokenMilliseconds.value) / Double(firstTokens)
    }

    /// Of all answers whose speed is known; nil: none is.
    public var tokensPerSecond: Double? {
        generation.seconds > 0 ? Double(timedTokens.value) / generation.seconds : nil
    }

    static func += (sums: inout QualitySums, other: QualitySums) {
        sums.attempts += other.attempts
        sums.failures += other.failures
        sums.firstTokens += other.firstTokens
        sums.firstTokenMilliseconds += other.firstTokenMilliseconds.value
        sums.timedTokens += other.timedTokens.value
        sums.generation.add(seconds: other.generation.seconds)
    }
}

/// Sums over the last so many seconds, in steps of a tenth or less of them. Pure; the time only goes forwards.
public struct QualityWindow: Sendable, Equatable {
    /// Seconds of a step.
    let step: Int64
    private var ring: [QualitySums]
    /// Number of the newest step, counted from 1970.
    private var newest: Int64 = 0

    init(step: Int64, count: Int) {
        self.step = step
        ring = Array(repeating: QualitySums(), count: count)
    }

    /// Where a second belongs; steps that are over are emptied. What lies before the newest belongs to it.
    private mutating func advance(to second: Int64) {
        let number = second / step
        guard number > newest else { return }
        let passed = min(number - newest, Int64(ring.count))
        for back in 0..<passed { ring[place(number - back)] = QualitySums() }
        newest = number
    }

    private func place(_ number: Int64) -> Int {
        let place = Int(number % Int64(ring.count))
        return place < 0 ? place + ring.count : place
    }

    mutating func add(_ sums: QualitySums, at second: Int64) {
        advance(to: second)
        ring[place(newest)] += sums
    }

    func sum(at second: Int64) -> QualitySums { sum(at: second, steps: ring.count) }

    /// Of the newest steps alone, the one that goes on among them.
    func sum(at second: Int64, steps: Int) -> QualitySums {
        var now = self
        now.advance(to: second)
        var sums = QualitySums()
        for back in 0..<min(steps, ring.count) { sums += now.ring[now.place(now.newest - Int64(back))] }
        return sums
    }
}

/// How well attempts with one model went at one backend, over 5 minutes, 1 hour and 24 hours.
public struct QualityWindows: Sendable, Equatable {
    /// By their names in stats and metrics.
    public static let names = ["5m", "1h", "24h"]

    private var windows = [
        QualityWindow(step: 30, count: 10), QualityWindow(step: 300, count: 12), QualityWindow(step: 3600, count: 24),
    ]
    /// When the last attempt ended, in Unix seconds.
    private(set) var last: Int64 = 0

    public init() {}

    mutating func add(_ sums: QualitySums, at second: Int64) {
        last = max(last, second)
        for index in windows.indices { windows[index].add(sums, at: second) }
    }

    /// In the order of `names`.
    /// - Parameter second: now, in Unix seconds.
    public func sums(at second: Int64) -> [QualitySums] { windows.map { $0.sum(at: second) } }

    /// Of the last minute, and what is over of the half minute before.
    func lastMinute(at second: Int64) -> QualitySums { windows[0].sum(at: second, steps: 3) }

    /// Of the shortest.
    func newest(at second: Int64) -> QualitySums { windows[0].sum(at: second) }
}
