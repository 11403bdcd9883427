import JSON
import Synchronization

/// All actions under way in the process, and those that ended last. Callable from any thread.
public final class ActionRuns: Sendable {
    public enum Limits {
        /// Actions at once.
        public static let running = 16
        /// Ended ones that are remembered.
        public static let ended = 50
        /// Bytes of a result that is remembered with its action.
        public static let keptResult = 16 * 1024
    }

    /// What is known of a run.
    public struct Record: Sendable {
        public var progress: ActionProgress
        /// Unix seconds.
        public var startedAt: Int64
        /// Until now, or until its end.
        public var milliseconds: Int64
        /// JSON text; nil also for a result that is too large to be remembered.
        public var result: [UInt8]?
    }

    private struct State {
        var running: [String: any ActionRunning] = [:]
        var ended: [Record] = []
        var isClosed = false
    }

    private let state = Mutex(State())
    private let onProgress: @Sendable (ActionProgress) -> Void

    /// - Parameter onProgress: called with every change of every run, on any thread; must return at once.
    public init(onProgress: @escaping @Sendable (ActionProgress) -> Void) { self.onProgress = onProgress }

    /// Starts an action of a backend.
    /// - Parameter observe: called with every event of the run, one at a time, on any thread, perhaps before this returns;
    ///   must return at once, and not call the run.
    public func start(
        _ name: String, at backend: any BackendDriver, _ arguments: JSONValue,
        observe: @escaping @Sendable (ActionEvent) -> Void
    ) throws(ActionRefusal) -> any ActionRunning {
        let id = Self.newID()
        let run = try backend.action(named: name, arguments: arguments, id: id) { [weak self] event in
            self?.took(event)
            observe(event)
        }
        let refusal = state.withLock { state -> ActionRefusal? in
            if state.isClosed { return .backendGone }
            if state.running.count >= Limits.running { return .tooMany }
            state.running[id] = run
            return nil
        }
        if let refusal {
            run.discard()
            throw refusal
        }
        do throws(ActionRefusal) {
            try run.start()
        } catch {
            state.withLock { _ = $0.running.removeValue(forKey: id) }
            throw error
        }
        return run
    }

    private func took(_ event: ActionEvent) {
        switch event {
        case .progress(let progress): onProgress(progress)
        case .ended(let end):
            state.withLock { state in
                let run = state.running.removeValue(forKey: end.progress.id)
                let kept = end.result.flatMap { $0.count <= Limits.keptResult ? $0 : nil }
                if state.ended.count >= Limits.ended { state.ended.removeFirst() }
                state.ended.append(
                    Record(
                        progress: end.progress, startedAt: run?.startedAt ?? 0, milliseconds: end.milliseconds,
                        result: kept))
            }
            onProgress(end.progress)
        }
    }

    /// The ended ones first, in the order they ended; then those that run, in the order they began.
    public var records: [Record] {
        let (ended, running) = state.withLock { ($0.ended, Array($0.running.values)) }
        return ended
            + running.sorted { ($0.startedAt, $0.id) < ($1.startedAt, $1.id) }.map {
                Record(progress: $0.progress, startedAt: $0.startedAt, milliseconds: $0.milliseconds)
            }
    }

    public var runningCount: Int { state.withLock { $0.running.count } }

    /// False if no such action runs.
    public func cancel(id: String) -> Bool {
        guard let run = state.withLock({ $0.running[id] }) else { return false }
        run.cancel()
        return true
    }

    /// The gateway ends: all are cancelled, none begins any more.
    public func close() {
        let runs = state.withLock { state in
            state.isClosed = true
            return Array(state.running.values)
        }
        for run in runs { run.cancel() }
    }

    /// 128 bits in hexadecimal that cannot be guessed.
    private static func newID() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<2).map { _ in
            let digits = String(generator.next(), radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
