import Core
import Glibc
import Logging
import NIOCore
import PluginAPI
import Synchronization
import Upstream

/// Takes one backend's reports to the registry and the log: at once while they are few. In a flood only the newest health and
/// the newest list count, and lines of the log are dropped. On any thread.
final class AdapterReports: ReportReceiver, Sendable {
    enum Limits {
        static let health = ReportGate(burst: 50, perSecond: 10)
        static let models = ReportGate(burst: 20, perSecond: 5)
        static let loads = ReportGate(burst: 20, perSecond: 10)
        static let lines = ReportGate(burst: 200, perSecond: 50)
        /// How long reports are held back.
        static let delayMilliseconds: Int64 = 200
    }

    private struct State {
        var health = Limits.health
        var models = Limits.models
        var loads = Limits.loads
        var lines = Limits.lines
        var heldHealth: HealthReport?
        var heldModels: [Model]?
        var isFlushing = false
        var probeEnd: (@Sendable () -> Void)?
        var probeBegan = NIODeadline.uptimeNanoseconds(0)
        /// When the probe under way has had its time.
        var probeEnds = NIODeadline.uptimeNanoseconds(0)
        /// The last probe failed because this process lacked something, and the log says so.
        var isShort = false
        /// Models of the last list that were not listed, and that were dropped.
        var hidden = 0
        var dropped = 0
        /// False once another instance serves the backend: then the reports of this one are ignored.
        var counts = true
        weak var backend: AdapterBackend?
    }

    private let id: String
    private let registry: Registry
    private let logger: Logger
    private let secrets: Secrets
    private let state = Mutex(State())

    init(id: String, registry: Registry, logger: Logger, secrets: Secrets = Secrets([])) {
        self.id = id
        self.registry = registry
        self.logger = logger
        self.secrets = secrets
    }

    func attach(_ backend: AdapterBackend) { state.withLock { $0.backend = backend } }

    /// From here on nothing goes to the registry; probes still end, and lines still go to the log.
    func retire() {
        state.withLock {
            $0.counts = false
            $0.heldHealth = nil
            $0.heldModels = nil
        }
    }

    // MARK: Probes

    /// - Parameters:
    ///   - timeout: after it a report that the server is not well says that it did not answer.
    ///   - ended: called once, at the first health report from here on.
    func beginProbe(now: NIODeadline, timeout: TimeAmount, ended: @escaping @Sendable () -> Void) {
        let counts = state.withLock { state in
            state.probeEnd = ended
            state.probeBegan = now
            state.probeEnds = now + timeout
            return state.counts
        }
        guard counts else { return }
        registry.probeBegan(
            of: id, now: now.uptimeNanoseconds, timeout: UInt64(max(0, timeout.nanoseconds)))
    }

    /// A probe is under way and has not been ended by a report.
    var isProbing: Bool { state.withLock { $0.probeEnd != nil } }

    // MARK: Reports

    func received(_ report: HealthReport) {
        var report = report
        report.message = CauseFirst.words(secrets.hidden(in: report.message), of: authority)
        report.server = secrets.hidden(in: report.server)
        if isOfOurOwn(report) { return endProbe() }
        take(report)
    }

    /// Of the server, as the messages of its connections name it.
    private var authority: String? { state.withLock { $0.backend }?.target.authority }

    /// A probe that failed because this process has no descriptors left: the server is as it was.
    private func isOfOurOwn(_ report: HealthReport) -> Bool {
        let (isOurs, isNew) = state.withLock { state in
            guard state.probeEnd != nil else { return (false, false) }
            let isOurs = report.outcome == .unhealthy && LocalShortage.happened(since: state.probeBegan)
            defer { state.isShort = isOurs }
            return (isOurs, isOurs && !state.isShort)
        }
        if isNew {
            logger.warning("this process is short of descriptors or memory: a probe says nothing (\(report.message))")
        }
        return isOurs
    }

    private func endProbe() {
        let ended = state.withLock { state in
            defer { state.probeEnd = nil }
            return state.probeEnd
        }
        ended?()
    }

    private func take(_ told: HealthReport) {
        var report = told
        let now = Clock.monotonicNanoseconds()
        let (ended, isNow) = state.withLock { state in
            defer { state.probeEnd = nil }
            // nexus_health: what an adapter does not know is taken from the host's clock.
            if state.probeEnd != nil, report.outcome == .healthy, report.latencyMilliseconds == nil {
                let began = state.probeBegan.uptimeNanoseconds
                report.latencyMilliseconds = Double(now - min(began, now)) / 1e6
            }
            let isNow = state.probeEnd != nil || state.health.admits(now: now)
            state.heldHealth = isNow || !state.counts ? nil : report
            // The host ends a probe a little later than its time, never sooner.
            if state.probeEnd != nil, report.outcome == .unhealthy, now >= state.probeEnds.uptimeNanoseconds {
                report.isLate = true
            }
            return (state.probeEnd, isNow && state.counts)
        }
        if isNow { registry.record(report, of: id, now: Clock.preciseWallSeconds()) } else { heldBack("report_health") }
        ended?()
    }

    func received(_ reported: [Model], dropped: Int) {
        let models = secrets.hidden(in: reported)
        // What is the same as before is no news.
        let (hidesOthers, dropsOthers) = state.withLock { state in
            defer { (state.hidden, state.dropped) = (reported.count - models.count, dropped) }
            return (reported.count - models.count != state.hidden, dropped != state.dropped)
        }
        if models.count < reported.count, hidesOthers, admitsLine() {
            logger.warning(
                "\(reported.count - models.count) reported models are not listed: their names hold a secret of this backend"
            )
        }
        if dropped > 0 {
            Misuse.dropped.record("report_models", of: id, count: dropped)
            if dropsOthers, admitsLine() {
                logger.warning("\(dropped) reported models were dropped: empty, repeated, or beyond the limit of ids")
            }
        }
        let now = Clock.monotonicNanoseconds()
        let isNow = state.withLock { state in
            let isNow = state.models.admits(now: now)
            state.heldModels = isNow || !state.counts ? nil : models
            return isNow && state.counts
        }
        if isNow { registry.record(models, of: id) } else { heldBack("report_models") }
    }

    /// In a flood some are dropped: the next one comes soon.
    func received(_ load: ServerLoad) {
        let isNow = state.withLock { $0.counts && $0.loads.admits(now: Clock.monotonicNanoseconds()) }
        if isNow { registry.record(load, of: id) }
    }

    func received(log text: String, level: UInt32) {
        guard admitsLine() else { return Misuse.dropped.record("log", of: id) }
        let level: Logger.Level =
            switch level {
            case NEXUS_LOG_DEBUG: .debug
            case NEXUS_LOG_WARNING: .warning
            case NEXUS_LOG_ERROR: .error
            default: .info
            }
        logger.log(level: level, "\(secrets.hidden(in: text))")
    }

    func received(
        posted function: @escaping nexus_posted, for task: nexus_task, user: UnsafeMutableRawPointer?
    ) -> nexus_status {
        guard let backend = state.withLock({ $0.backend }) else { return NEXUS_STALE }
        return backend.post(function, for: task, user: user)
    }

    private func admitsLine() -> Bool { state.withLock { $0.lines.admits(now: Clock.monotonicNanoseconds()) } }

    // MARK: What was held back

    private func heldBack(_ call: String) {
        let begins = state.withLock { state in
            guard state.counts, !state.isFlushing else { return false }
            state.isFlushing = true
            return true
        }
        guard begins else { return }
        Misuse.dropped.record(call, of: id)
        guard LoopServices.later(milliseconds: Limits.delayMilliseconds, { [self] in flush() }) else { return flush() }
    }

    private func flush() {
        let (health, models) = state.withLock { state in
            defer {
                state.heldHealth = nil
                state.heldModels = nil
                state.isFlushing = false
            }
            return (state.heldHealth, state.heldModels)
        }
        if let models { registry.record(models, of: id) }
        if let health { registry.record(health, of: id, now: Clock.preciseWallSeconds()) }
    }
}
