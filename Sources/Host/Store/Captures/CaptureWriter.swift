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

    init(path: String, tell: @escaping @Sendable (_ isGood: Bool, _ words: String) -> Void) {
        self.path = path
        self.tell = tell
    }

    mutating func close() { file = nil }

    /// Nil: they are in the file.
    mutating func write(_ captures: [Capture], _ settings: CaptureStore.Settings) -> StoreProblem? {
        // As many as may be, and no more, also for a moment.
        run(settings) { file in
            try file.write(captures)
            try file.retain(settings, now: Clock.wallSeconds())
        }
    }

    mutating func delete(_ filter: CaptureFilter, _ settings: CaptureStore.Settings) -> Result<Int, StoreProblem> {
        // An operator who asks for that waits for no next try.
        nextTry = 0
        var count = 0
        if let problem = run(settings, { count = try $0.delete(filter) }) { return .failure(problem) }
        return .success(count)
    }

    /// Opens the file, and deletes what is too old or too much. Nil: all is well.
    mutating func look(_ settings: CaptureStore.Settings) -> StoreProblem? {
        let now = Clock.monotonicNanoseconds()
        guard file == nil || file?.isGone == true || now >= nextRetention || key != settings.key else { return problem }
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
            try body(file)
            let now = Clock.monotonicNanoseconds()
            if now >= nextRetention {
                try file.retain(settings, now: Clock.wallSeconds())
                nextRetention = now + 10 * 1_000_000_000
            }
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
