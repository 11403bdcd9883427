/// What is kept of all exchanges of one minute with one model at one backend, for series of days, weeks and months. A value.
public struct KeptMinute: Sendable, Equatable {
    public struct Key: Hashable, Sendable {
        /// Minutes since 1970.
        public var minute: Int64
        public var backend: String
        /// Its name at the backends: of names that clients made up there could be any number.
        public var model: String

        public init(minute: Int64, backend: String, model: String) {
            self.minute = minute
            self.backend = backend
            self.model = model
        }
    }

    public var requests = Tally()
    public var errors = Tally()
    /// Answered with 429 or 503.
    public var refused = Tally()
    /// Attempts that failed by the backend's fault.
    public var failedAttempts = Tally()
    /// Of all together.
    public var milliseconds = Tally()
    /// Successes of which the time to the first token is known, and these times together.
    public var firstTokens = Tally()
    public var firstTokenMilliseconds = Tally()
    public var promptTokens = Tally()
    public var completionTokens = Tally()
    public var cachedTokens = Tally()
    /// Of answers whose speed is known, and how long they took to be generated.
    public var timedTokens = 0.0
    public var generationSeconds = 0.0
    /// What at least one answer has told: bits of `SeriesSums.Told`.
    public var told: UInt8 = 0
    /// Of successes.
    public var durations = KeptBuckets()
    public var firstTokenTimes = KeptBuckets()

    public init() {}

    mutating func add(_ note: SeriesNote, _ entry: HistoryEntry) {
        requests += 1
        if note.isError { errors += 1 }
        if note.isRefused { refused += 1 }
        milliseconds += entry.durationMilliseconds
        promptTokens += note.promptTokens ?? 0
        completionTokens += note.completionTokens ?? 0
        cachedTokens += note.cachedTokens ?? 0
        var told = SeriesSums.Told()
        if note.promptTokens != nil { told.insert(.prompt) }
        if note.cachedTokens != nil { told.insert(.cached) }
        if let tokens = note.completionTokens {
            told.insert(note.isEstimated ? [.completion, .estimate] : .completion)
            if note.generationSeconds > 0, note.generationSeconds.isFinite {
                timedTokens += Double(tokens)
                generationSeconds += Double(note.generationSeconds)
            }
        }
        self.told |= told.rawValue
        if let duration = note.duration { durations.add(duration, 1) }
        if let first = note.firstToken, let milliseconds = entry.timeToFirstByteMilliseconds {
            firstTokens += 1
            firstTokenMilliseconds += milliseconds
            firstTokenTimes.add(first, 1)
        }
    }

    /// Takes all that another one has.
    mutating func merge(_ other: KeptMinute) {
        requests += other.requests.value
        errors += other.errors.value
        refused += other.refused.value
        failedAttempts += other.failedAttempts.value
        milliseconds += other.milliseconds.value
        firstTokens += other.firstTokens.value
        firstTokenMilliseconds += other.firstTokenMilliseconds.value
        promptTokens += other.promptTokens.value
        completionTokens += other.completionTokens.value
        cachedTokens += other.cachedTokens.value
        timedTokens += other.timedTokens
        generationSeconds += other.generationSeconds
        told |= other.told
        durations.merge(other.durations)
        firstTokenTimes.merge(other.firstTokenTimes)
    }

    /// The same sums of longer stretches, each by its first minute.
    public static func joined(_ sums: [Key: KeptMinute], minutes: Int64) -> [Key: KeptMinute] {
        guard minutes > 1 else { return sums }
        var joined: [Key: KeptMinute] = [:]
        for (key, sum) in sums {
            let first = Key(minute: key.minute / minutes * minutes, backend: key.backend, model: key.model)
            joined[first, default: KeptMinute()].merge(sum)
        }
        return joined
    }

    /// What to add to the minutes in which these ended.
    public static func sums(of entries: [HistoryEntry]) -> [Key: KeptMinute] {
        var sums: [Key: KeptMinute] = [:]
        for entry in entries {
            let note = withUnsafePointer(to: entry) { SeriesNote($0) }
            let minute = entry.timestamp / 60
            let key = Key(minute: minute, backend: entry.backendID, model: entry.knownModel ?? Statistics.otherName)
            sums[key, default: KeptMinute()].add(note, entry)
            for step in entry.route where step.failure != nil && step.isBlamed {
                let model = step.model ?? entry.knownModel ?? Statistics.otherName
                sums[Key(minute: minute, backend: step.backend, model: model), default: KeptMinute()].failedAttempts +=
                    1
            }
        }
        return sums
    }
}
