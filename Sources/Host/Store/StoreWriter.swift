import Core
import Dispatch

/// Opens the file, writes, and tries again after a failure, ever more seldom. For the store's thread.
struct StoreWriter {
    private let settings: HistoryStore.Settings
    private let owner: HistoryStore.Owner
    private var file: StoreFile?
    private var isRestored = false
    /// The next write tells everything that is counted: the file may lack some.
    private var needsAll = true
    private var problem: StoreProblem?
    private var delay = RetryDelay()
    private var nextTry: UInt64 = 0
    /// Nothing is known to be too old or too much until then; nanoseconds of the monotonic clock.
    private var nextRetention: UInt64 = 0
    private var clock: RetentionClock?
    /// What may stay in the file.
    var retention: StoreFile.Retention {
        didSet { if retention != oldValue { nextRetention = 0 } }
    }

    init(_ settings: HistoryStore.Settings, _ owner: HistoryStore.Owner) {
        self.settings = settings
        self.owner = owner
        retention = StoreFile.Retention(days: settings.keepDays, bytes: settings.keepBytes)
    }

    var isOpen: Bool { file != nil }
    var mayTry: Bool { Clock.monotonicNanoseconds() >= nextTry }

    mutating func close() { file = nil }

    /// Nil: it is open.
    mutating func open() -> StoreProblem? {
        do {
            let opened = try StoreFile(settings.path)
            if !isRestored {
                owner.restore(try opened.figures(now: Clock.wallSeconds()))
                isRestored = true
            }
            if clock == nil {
                clock = RetentionClock(newest: try opened.newest(), instant: Clock.monotonicNanoseconds())
            }
            file = opened
            needsAll = true
            if problem != nil { owner.tell(true, "the history is kept in \(settings.path) again") }
            problem = nil
            delay = RetryDelay()
            return nil
        } catch {
            return fail(error)
        }
    }

    /// Nil: they are in the file.
    mutating func write(
        _ entries: [HistoryEntry], audit: [(record: AuditRecord, instance: String)] = []
    ) -> StoreProblem? {
        if let file, file.isGone {
            owner.tell(false, "the history's file \(settings.path) has been deleted or replaced; opening it anew")
            self.file = nil
        }
        if file == nil, let problem = open() { return problem }
        guard let file else { return problem }
        do {
            let now = Clock.wallSeconds()
            if !entries.isEmpty || !audit.isEmpty || needsAll {
                try file.write(entries, owner.figures(needsAll ? nil : entries), audit: audit, now: now)
                needsAll = false
            }
            try retain(file, entries.count, now)
            return nil
        } catch {
            return fail(error)
        }
    }

    private mutating func retain(_ file: StoreFile, _ new: Int, _ now: Int64) throws {
        let instant = Clock.monotonicNanoseconds()
        guard instant >= nextRetention else { return }
        let jump = clock?.jump
        let now = clock?.now(wall: now, instant: instant) ?? now
        if let words = RetentionClock.words(before: jump, after: clock?.jump, path: settings.path) {
            owner.tell(true, words)
        }
        let isMore = try file.retain(retention, count: max(StoreLimits.deletedAtOnce, new * 2), now: now)
        nextRetention = isMore ? instant : instant + 10 * 1_000_000_000
    }

    private mutating func fail(_ error: any Error) -> StoreProblem {
        let problem = StoreProblem(error)
        file = nil
        if problem != self.problem {
            owner.tell(
                false, "the history is not kept in \(settings.path): \(problem). Requests are served; it is tried again"
            )
        }
        self.problem = problem
        nextTry = Clock.monotonicNanoseconds() + UInt64(delay.next() * 1e9)
        return problem
    }
}

/// How long to wait before the next try. Pure.
struct RetryDelay: Equatable {
    private var seconds = StoreLimits.firstRetry

    mutating func next() -> Double {
        defer { seconds = min(seconds * 2, StoreLimits.longestRetry) }
        return seconds
    }
}
