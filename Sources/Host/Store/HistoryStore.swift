import Core
import Dispatch
import Synchronization

/// Keeps every exchange in a file. A sink of the ledger that only puts entries into a queue; a thread of its own (`run`) writes
/// them. Whatever becomes of the file, requests are served: the store is off as long as it cannot be written, and tries again.
public final class HistoryStore: LedgerSink {
    public struct Settings: Sendable, Equatable {
        public var path: String
        /// See `StoreFile.Retention`.
        public var keepDays: Int?
        public var keepBytes: Int?

        public init(path: String, keepDays: Int? = nil, keepBytes: Int? = nil) {
            self.path = path
            self.keepDays = keepDays
            self.keepBytes = keepBytes
        }
    }

    /// What the store tells its owner; called on its thread.
    public struct Owner: Sendable {
        /// What earlier runs have counted and learnt; once, when the file is first open.
        public var restore: @Sendable ([KeptFigure]) -> Void
        /// What is counted and learnt by now: all of it, or what these entries have changed.
        public var figures: @Sendable (_ changedBy: [HistoryEntry]?) -> [KeptFigure]
        /// For the log.
        public var tell: @Sendable (_ isGood: Bool, _ words: String) -> Void

        public init(
            restore: @escaping @Sendable ([KeptFigure]) -> Void,
            figures: @escaping @Sendable (_ changedBy: [HistoryEntry]?) -> [KeptFigure],
            tell: @escaping @Sendable (_ isGood: Bool, _ words: String) -> Void
        ) {
            self.restore = restore
            self.figures = figures
            self.tell = tell
        }
    }

    /// The file is not written.
    public struct Trouble: Sendable, Equatable {
        public var problem: StoreProblem
        /// Unix seconds.
        public var since: Double
        /// Entries that found no room while they waited.
        public var lost: UInt64
    }

    private struct Queue {
        var entries: [HistoryEntry] = []
        var audit: [(record: AuditRecord, instance: String)] = []
        /// That found no room since the last write that went well, and are not told yet.
        var lost: UInt64 = 0
        var lostAudit: UInt64 = 0
        var isEnding = false
        var isOver = false
    }

    public let path: String
    private let settings: Settings
    private let retention: Mutex<StoreFile.Retention>
    private let queue = Mutex(Queue())
    private let trouble = Mutex<Trouble?>(nil)
    private let something = DispatchSemaphore(value: 0)
    private let looked = DispatchSemaphore(value: 0)
    private let over = DispatchSemaphore(value: 0)
    private let readers = Atomic<Int>(0)
    private let seriesReaders = Atomic<Int>(0)

    public init(_ settings: Settings) {
        self.settings = settings
        retention = Mutex(StoreFile.Retention(days: settings.keepDays, bytes: settings.keepBytes))
        path = settings.path
    }

    // MARK: Any thread

    /// Why nothing is kept now; nil: all is well, or it was not looked at yet.
    public var problem: Trouble? { trouble.withLock { $0 } }

    /// Entries that wait to be written.
    public var waitingCount: Int { queue.withLock { $0.entries.count } }

    /// Keeps as much from now on; see `Settings`. What is too much goes within some seconds.
    public func retain(days: Int?, bytes: Int?) {
        retention.withLock { $0 = StoreFile.Retention(days: days, bytes: bytes) }
    }

    /// Returns at once.
    public func take(_ entries: [HistoryEntry]) {
        let isFirst = queue.withLock { queue in
            guard !queue.isOver else { return false }
            let wasEmpty = queue.entries.isEmpty
            let room = max(0, StoreLimits.waiting - queue.entries.count)
            queue.entries += entries.prefix(room)
            queue.lost += UInt64(max(0, entries.count - room))
            return wasEmpty
        }
        if isFirst { something.signal() }
    }

    /// Keeps what an operator had done. Returns at once.
    /// - Parameter instance: whose order its number is.
    public func take(_ record: AuditRecord, instance: String) {
        let isTaken = queue.withLock { queue in
            guard !queue.isOver else { return false }
            guard queue.audit.count < StoreLimits.auditWaiting else {
                queue.lostAudit += 1
                return false
            }
            queue.audit.append((record, instance))
            return true
        }
        if isTaken { something.signal() }
    }

    /// A page of what the file has; see `StoreReader.page`. Blocks for some milliseconds: not for event loops.
    /// - Returns: nil if too many are looked for already.
    public func page(_ filter: HistoryFilter, before: Int64?) throws(StoreProblem) -> StoredPage? {
        let count = readers.add(1, ordering: .relaxed).newValue
        defer { readers.subtract(1, ordering: .relaxed) }
        guard count <= StoreLimits.readers else { return nil }
        return try StoreReader(path: path).page(filter, before: before)
    }

    /// Requests of an id; see `StoreReader.entries`. Not for event loops.
    /// - Returns: nil if too many are looked for already.
    public func entries(requestID: String) throws(StoreProblem) -> [StoredEntry]? {
        let count = readers.add(1, ordering: .relaxed).newValue
        defer { readers.subtract(1, ordering: .relaxed) }
        guard count <= StoreLimits.readers else { return nil }
        return try StoreReader(path: path).entries(requestID: requestID)
    }

    /// What operators had done; see `StoreReader.audit`. Not for event loops.
    /// - Returns: nil if too many are looked for already.
    public func audit(before: Int64?, limit: Int) throws(StoreProblem) -> AuditPage? {
        let count = readers.add(1, ordering: .relaxed).newValue
        defer { readers.subtract(1, ordering: .relaxed) }
        guard count <= StoreLimits.readers else { return nil }
        return try StoreReader(path: path).audit(before: before, limit: limit)
    }

    /// Series out of the file; see `StoreReader.series`. Blocks for some milliseconds, and for as long as
    /// `StoreLimits.seriesMilliseconds` says where there is much: not for event loops.
    /// - Returns: nil if too many are made already.
    public func series(
        _ query: SeriesQuery, over window: StoredWindow, now: Int64
    ) throws(StoreProblem) -> SeriesList? {
        let count = seriesReaders.add(1, ordering: .relaxed).newValue
        defer { seriesReaders.subtract(1, ordering: .relaxed) }
        guard count <= StoreLimits.seriesReaders else { return nil }
        return try StoreReader(path: path).series(query, over: window, now: now)
    }

    /// Waits until the file was opened, or is known not to be usable, but no longer than that.
    public func awaitOpening(milliseconds: Int) {
        if looked.wait(timeout: .now() + .milliseconds(milliseconds)) == .success { looked.signal() }
    }

    /// Writes what waits, and ends the thread; waits for that no longer than so.
    public func finish(milliseconds: Int) {
        queue.withLock { $0.isEnding = true }
        something.signal()
        _ = over.wait(timeout: .now() + .milliseconds(milliseconds))
    }

    // MARK: Its thread

    /// Writes until `finish`; the body of the store's thread.
    public func run(_ owner: Owner) {
        var writer = StoreWriter(settings, owner)
        note(writer.open(), owner)
        looked.signal()
        while true {
            let isEnding = queue.withLock { $0.isEnding }
            if !isEnding {
                let wait = something.wait(timeout: .now() + .milliseconds(StoreLimits.idleMilliseconds))
                if wait == .success, !queue.withLock({ $0.isEnding }) {
                    // So that many are written at once.
                    _ = something.wait(timeout: .now() + .milliseconds(StoreLimits.gatherMilliseconds))
                }
            }
            step(&writer, owner)
            guard isEnding else { continue }
            writer.close()
            queue.withLock { $0.isOver = true }
            over.signal()
            return
        }
    }

    private func step(_ writer: inout StoreWriter, _ owner: Owner) {
        guard writer.isOpen || writer.mayTry else { return }
        let (batch, audit) = queue.withLock { queue in
            defer { (queue.entries, queue.audit) = ([], []) }
            return (queue.entries, queue.audit)
        }
        writer.retention = retention.withLock { $0 }
        let problem = writer.write(batch, audit: audit)
        if problem != nil {
            // They wait in front of those that have come meanwhile.
            queue.withLock { queue in
                let commands = audit + queue.audit
                queue.audit = Array(commands.prefix(StoreLimits.auditWaiting))
                queue.lostAudit += UInt64(commands.count - queue.audit.count)
                queue.entries = batch + queue.entries
                let excess = queue.entries.count - StoreLimits.waiting
                guard excess > 0 else { return }
                queue.entries.removeLast(excess)
                queue.lost += UInt64(excess)
            }
        }
        note(problem, owner)
    }

    private func note(_ problem: StoreProblem?, _ owner: Owner) {
        let (lost, commands) = queue.withLock { queue in
            defer { if problem == nil { (queue.lost, queue.lostAudit) = (0, 0) } }
            return (queue.lost, queue.lostAudit)
        }
        // Also of a disk that has failed at nothing, and was too slow.
        if problem == nil, let words = Self.words(lost: lost, commands: commands) {
            owner.tell(false, "\(words) not in \(path): they came while it could not be written, or not fast enough")
        }
        trouble.withLock { trouble in
            let since = trouble?.since ?? Clock.preciseWallSeconds()
            trouble = problem.map { Trouble(problem: $0, since: since, lost: lost) }
        }
    }

    /// Nil: nothing was lost.
    private static func words(lost: UInt64, commands: UInt64) -> String? {
        func counted(_ count: UInt64, _ one: String, _ many: String) -> String? {
            count > 0 ? "\(count) \(count == 1 ? one : many)" : nil
        }
        let parts = [
            counted(lost, "request", "requests"),
            counted(commands, "command of an operator", "commands of operators"),
        ].compactMap { $0 }
        return parts.isEmpty ? nil : parts.joined(separator: " and ") + (lost + commands == 1 ? " is" : " are")
    }
}
