import Core
import Glibc
import Logging
import PluginAPI
import Synchronization

/// Takes one backend's reports to the registry and the log. On any thread.
///
/// Invariant behind the unchecked Sendable: `onHealth` is set once, before the adapter can report.
final class AdapterReports: ReportReceiver, @unchecked Sendable {
    private let id: String
    private let registry: Registry
    private let logger: Logger
    private let probeEnd = Mutex<(@Sendable () -> Void)?>(nil)
    var onHealth: (@Sendable () -> Void)?

    init(id: String, registry: Registry, logger: Logger) {
        self.id = id
        self.registry = registry
        self.logger = logger
    }

    /// - Parameter ended: called once, at the first health report from here on.
    func beginProbe(ended: @escaping @Sendable () -> Void) {
        probeEnd.withLock { $0 = ended }
    }

    /// A probe is under way and has not been ended by a report.
    var isProbing: Bool { probeEnd.withLock { $0 != nil } }

    func endProbe() {
        let ended = probeEnd.withLock { end in
            defer { end = nil }
            return end
        }
        ended?()
    }

    func received(_ report: HealthReport) {
        registry.record(report, of: id, now: Self.wallClock())
        onHealth?()
    }

    func received(_ models: [Model], dropped: Int) {
        if dropped > 0 {
            logger.warning("\(dropped) reported models were dropped: empty, repeated, or beyond the limit of ids")
        }
        registry.record(models, of: id)
    }

    func received(log text: String, level: UInt32) {
        let level: Logger.Level =
            switch level {
            case NEXUS_LOG_DEBUG: .debug
            case NEXUS_LOG_WARNING: .warning
            case NEXUS_LOG_ERROR: .error
            default: .info
            }
        logger.log(level: level, "\(text)")
    }

    /// Unix seconds.
    private static func wallClock() -> Double {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        return Double(now.tv_sec) + Double(now.tv_nsec) / 1e9
    }
}
