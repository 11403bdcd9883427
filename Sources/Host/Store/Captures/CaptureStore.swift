import Core
import Dispatch
import Synchronization

/// Keeps captures in their file. Any thread puts them into a queue; a thread of its own (`run`) redacts, encrypts and writes them.
/// Whatever becomes of the file, requests are served: what cannot be kept is counted.
public final class CaptureStore: Sendable {
    public struct Settings: Sendable, Equatable {
        public var path: String
        public var maxCount: Int
        /// 0: as long as there is room.
        public var keepDays: Int
        public var keepBytes: Int
        public var redact: [RedactionRule]
        /// Nil: bodies are not encrypted.
        public var key: CaptureKey?

        public init(_ captures: Configuration.Captures, path: String, key: CaptureKey?) {
            self.path = path
            self.key = key
            maxCount = captures.maxCount
            keepDays = captures.keepDays
            keepBytes = captures.keepBytes
            redact = captures.redact
        }
    }

    public struct Figures: Sendable, Equatable {
        /// In the file, since the start.
        public var kept: UInt64 = 0
        /// That found no room while they waited, or could not be written.
        public var lost: UInt64 = 0
    }

    /// Something for the thread, in the order in which it came.
    private enum Job: Sendable {
        case keep(Capture, CaptureShare)
        case delete(CaptureFilter, @Sendable (Result<CaptureDeletion, StoreProblem>) -> Void)
    }

    private struct State {
        var settings: Settings
        var jobs: [Job] = []
        var figures = Figures()
        var problem: (problem: StoreProblem, since: Double)?
        var isEnding = false
        var isOver = false
    }

    public let path: String
    private let state: Mutex<State>
    private let something = DispatchSemaphore(value: 0)
    private let over = DispatchSemaphore(value: 0)
    private let readers = Atomic<Int>(0)

    public init(_ settings: Settings) {
        path = settings.path
        state = Mutex(State(settings: settings))
    }

    // MARK: Any thread

    public var figures: Figures { state.withLock { $0.figures } }

    /// Why nothing is kept now, and since when in Unix seconds; nil: all is well, or it was not looked at yet.
    public var problem: (problem: StoreProblem, since: Double)? { state.withLock { $0.problem } }

    /// Keeps as much from now on; of another path another store is to be made.
    public func set(_ settings: Settings) { state.withLock { $0.settings = settings } }

    /// Returns at once.
    public func take(_ capture: Capture, _ share: CaptureShare) {
        let isTaken = state.withLock { state in
            guard !state.isOver, state.jobs.count < StoreLimits.capturesWaiting else {
                state.figures.lost += 1
                return false
            }
            state.jobs.append(.keep(capture, share))
            return true
        }
        if isTaken { something.signal() }
    }

    /// One was not even begun, for want of room.
    public func missed() { state.withLock { $0.figures.lost += 1 } }

    /// Deletes captures, those that wait included. Returns at once.
    /// - Parameter then: called once, on the store's thread or on this one.
    public func delete(
        _ filter: CaptureFilter, then: @escaping @Sendable (Result<CaptureDeletion, StoreProblem>) -> Void
    ) {
        let isTaken = state.withLock { state in
            guard !state.isOver, state.jobs.count < StoreLimits.capturesWaiting * 2 else { return false }
            state.jobs.append(.delete(filter, then))
            return true
        }
        if isTaken { something.signal() } else { then(.failure(.tooSlow)) }
    }

    /// Blocks for some milliseconds: not for event loops.
    /// - Returns: nil if too many read already.
    public func read<Value>(_ body: (CaptureReader, CaptureKey?) throws(StoreProblem) -> Value) throws(StoreProblem)
        -> Value?
    {
        let count = readers.add(1, ordering: .relaxed).newValue
        defer { readers.subtract(1, ordering: .relaxed) }
        guard count <= StoreLimits.captureReaders else { return nil }
        return try body(try CaptureReader(path: path), state.withLock { $0.settings.key })
    }

    /// Writes what waits, and ends the thread; waits for that no longer than so.
    public func finish(milliseconds: Int) {
        state.withLock { $0.isEnding = true }
        something.signal()
        _ = over.wait(timeout: .now() + .milliseconds(milliseconds))
    }

    // MARK: Its thread

    /// Writes until `finish`; the body of the store's thread.
    /// - Parameter tell: for the log.
    public func run(_ tell: @escaping @Sendable (_ isGood: Bool, _ words: String) -> Void) {
        var writer = CaptureWriter(path: path, tell: tell)
        note(writer.look(state.withLock { $0.settings }))
        while true {
            let isEnding = state.withLock { $0.isEnding }
            if !isEnding {
                let wait = something.wait(timeout: .now() + .milliseconds(StoreLimits.idleMilliseconds))
                if wait == .success, !state.withLock({ $0.isEnding }) {
                    _ = something.wait(timeout: .now() + .milliseconds(StoreLimits.gatherMilliseconds))
                }
            }
            step(&writer)
            guard isEnding else { continue }
            writer.close()
            let left = state.withLock { state in
                state.isOver = true
                defer { state.jobs = [] }
                return state.jobs
            }
            for case .delete(_, let then) in left { then(.failure(.missing)) }
            over.signal()
            return
        }
    }

    private func step(_ writer: inout CaptureWriter) {
        let (jobs, settings) = state.withLock { state in
            defer { state.jobs = [] }
            return (state.jobs, state.settings)
        }
        let redaction = Redaction(settings.redact)
        var batch: [Capture] = []
        var problem: StoreProblem?
        func write() {
            guard !batch.isEmpty else { return }
            problem = writer.write(batch, settings)
            let (count, isKept) = (UInt64(batch.count), problem == nil)
            state.withLock { state in
                if isKept { state.figures.kept += count } else { state.figures.lost += count }
            }
            batch = []
        }
        for job in jobs {
            switch job {
            case .keep(var capture, _):
                capture.request = capture.request.redacted(by: redaction)
                capture.answer = capture.answer.redacted(by: redaction)
                batch.append(capture)
                if batch.count >= StoreLimits.capturesAtOnce { write() }
            case .delete(let filter, let then):
                write()
                then(writer.delete(filter, settings))
            }
        }
        write()
        if problem == nil { problem = writer.look(settings) }
        note(problem)
    }

    private func note(_ problem: StoreProblem?) {
        let now = Clock.preciseWallSeconds()
        state.withLock { state in state.problem = problem.map { ($0, state.problem?.since ?? now) } }
    }
}

/// Bytes of captures under way and waiting, all together. Callable from any thread.
public final class CaptureRoom: Sendable {
    private let used = Atomic<Int>(0)

    public init() {}

    /// Takes so many more; false: there is no room, and nothing is taken.
    fileprivate func take(_ bytes: Int) -> Bool {
        let (before, now) = used.add(bytes, ordering: .relaxed)
        guard before >= 0, now <= StoreLimits.captureBytes else {
            used.subtract(bytes, ordering: .relaxed)
            return false
        }
        return true
    }

    fileprivate func giveBack(_ bytes: Int) { used.subtract(bytes, ordering: .relaxed) }
}

/// What one capture takes of the room; given back when nobody has it any more.
public final class CaptureShare: Sendable {
    private let room: CaptureRoom
    private let bytes = Atomic<Int>(0)

    public init(of room: CaptureRoom) { self.room = room }

    deinit { room.giveBack(bytes.load(ordering: .relaxed)) }

    /// Takes so many more; false: there is no room.
    public func grow(by count: Int) -> Bool {
        guard room.take(count) else { return false }
        bytes.add(count, ordering: .relaxed)
        return true
    }
}
