import Core

/// Opens the file of captures, writes, and tries again after a failure, ever more seldom. For the store's thread.
struct CaptureWriter {
    private let path: String
    private let tell: @Sendable (_ isGood: Bool, _ words: String) -> Void
    private var file: CaptureFile?
    private var key: CaptureKey?
    private var problem: StoreProblem?
    private var delay = RetryDelay()
    private var nextTry: UInt64 = 0
    private var nextRetention: UInt64 = 0
    private var clock: RetentionClock?
    /// What was deleted could not be taken out of the log of transactions, and when that is tried again if nothing else is to be done.
    private var isHeld = false
    private var nextEmptying: UInt64 = 0

    init(path: String, tell: @escaping @Sendable (_ isGood: Bool, _ words: String) -> Void) {
        self.path = path
        self.tell = tell
    }

    mutating func close() { file = nil }

    /// Nil: they are in the file.
    mutating func write(_ captures: [Capture], _ settings: CaptureStore.Settings) -> StoreProblem? {
        // As many as may be, and no more, also for a moment.
        nextRetention = 0
        return run(settings) { try $0.write(captures) }
    }

    mutating func delete(
        _ filter: CaptureFilter, _ settings: CaptureStore.Settings
    ) -> Result<CaptureDeletion, StoreProblem> {
        // An operator who asks for that waits for no next try.
        nextTry = 0
        var count = 0
        if let problem = run(settings, { count = try $0.delete(filter) }) { return .failure(problem) }
        return .success(CaptureDeletion(count: count, isErased: file?.holdsDeleted != true))
    }

    /// Opens the file, and deletes what is too old or too much. Nil: all is well.
    mutating func look(_ settings: CaptureStore.Settings) -> StoreProblem? {
        let now = Clock.monotonicNanoseconds()
        let isToEmpty = file?.holdsDeleted == true && now >= nextEmptying
        guard file == nil || file?.isGone == true || now >= nextRetention || key != settings.key || isToEmpty else {
            return problem
        }
        return run(settings) { _ in }
    }

    private mutating func run(
        _ settings: CaptureStore.Settings, _ body: (CaptureFile) throws -> Void
    ) -> StoreProblem? {
        if file?.isGone == true || key != settings.key { file = nil }
        if file == nil, let problem, Clock.monotonicNanoseconds() < nextTry { return problem }
        do {
            let file = try self.file ?? CaptureFile(path, key: settings.key)
            (self.file, key) = (file, settings.key)
            let now = Clock.monotonicNanoseconds()
            if clock == nil { clock = RetentionClock(newest: try file.newest(), instant: now) }
            try body(file)
            if now >= nextRetention {
                try retain(file, settings, now)
                nextRetention = now + 10 * 1_000_000_000
            }
            try file.emptyLog(waits: false)
            tellOfDeleted(file, now)
            if problem != nil { tell(true, "captures are kept in \(path) again") }
            problem = nil
            delay = RetryDelay()
            return nil
        } catch {
            let problem = StoreProblem(captures: error)
            file = nil
            if problem != self.problem {
                tell(false, "captures are not kept in \(path): \(problem). Requests are served; it is tried again")
            }
            self.problem = problem
            nextTry = Clock.monotonicNanoseconds() + UInt64(delay.next() * 1e9)
            return problem
        }
    }

    private mutating func retain(_ file: CaptureFile, _ settings: CaptureStore.Settings, _ instant: UInt64) throws {
        let (wall, jump) = (Clock.wallSeconds(), clock?.jump)
        let now = clock?.now(wall: wall, instant: instant) ?? wall
        if let words = RetentionClock.words(before: jump, after: clock?.jump, path: path) { tell(true, words) }
        try file.retain(settings, now: now)
    }

    /// Says once that what was deleted can still be read, and once that it cannot any more.
    private mutating func tellOfDeleted(_ file: CaptureFile, _ now: UInt64) {
        if file.holdsDeleted {
            nextEmptying = now + StoreLimits.emptyingMilliseconds * 1_000_000
            if !isHeld { tell(false, "what was deleted of captures \(CaptureDeletion.words(path)); it is tried again") }
        } else if isHeld {
            tell(true, "of deleted captures nothing is left in \(path)-wal")
        }
        isHeld = file.holdsDeleted
    }
}

/// What became of captures that an operator had deleted.
public struct CaptureDeletion: Sendable, Equatable {
    public var count: Int
    /// Nothing of them can be read any more. Else it can as long as another program reads the file.
    public var isErased: Bool

    /// What is to be said while they are not erased.
    /// - Parameter path: of the file.
    public static func words(_ path: String) -> String {
        "can still be read in \(path)-wal, as another program has the file open and reads it"
    }
}

extension StoreProblem {
    /// Of any error that the store of captures meets.
    init(captures error: any Error) {
        if let problem = error as? CaptureProblem {
            self = .captures("\(problem)")
        } else {
            self.init(error)
        }
    }
}
