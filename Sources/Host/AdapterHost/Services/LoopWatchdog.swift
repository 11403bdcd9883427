import Core
import Glibc
import Logging
import Synchronization

/// Notices an adapter that holds up an event loop, and says which one and in which call. One thread of its own, which looks
/// at the loops some times a second.
public final class LoopWatchdog: Sendable {
    /// Microseconds between two looks: a call that takes 100 ms and this longer is always noticed.
    static let interval: UInt32 = 25_000

    /// Calls that held up a loop, since the start.
    public static var stalls: UInt64 { count.load(ordering: .relaxed) }
    private static let count = Atomic<UInt64>(0)
    /// The same by the id of the backend. Backends whose adapters do this are few; more than so many are not told apart.
    private static let byBackend = Mutex<[String: UInt64]>([:])
    private static let backendLimit = 1000

    static var stallsOfEach: [String: UInt64] { byBackend.withLock { $0 } }

    private let activities: [LoopActivity]
    private let registry: Registry
    private let logger: Logger
    private let isStopped = Atomic<Bool>(false)

    public init(activities: [LoopActivity], registry: Registry, logger: Logger) {
        self.activities = activities
        self.registry = registry
        self.logger = logger
    }

    public func start() {
        DetachedThread.run("nexus-watchdog") { [self] in
            var detectors = activities.map { _ in StallDetector() }
            while !isStopped.load(ordering: .relaxed) {
                usleep(Self.interval)
                let now = Clock.monotonicNanoseconds()
                for (index, activity) in activities.enumerated() {
                    if let finding = detectors[index].observe(activity.sample, now: now) { tell(finding) }
                }
            }
        }
    }

    public func stop() { isStopped.store(true, ordering: .relaxed) }

    private func tell(_ finding: StallDetector.Finding) {
        switch finding {
        case .stalled(let sample, _):
            Self.count.add(1, ordering: .relaxed)
            if let id = BackendNames.entry(sample.ordinal)?.registryID {
                Self.byBackend.withLock { counts in
                    if counts[id] != nil || counts.count < Self.backendLimit { counts[id, default: 0] += 1 }
                }
            }
            log(sample, "an adapter holds up an event loop: a call has not returned for 100 ms")
        case .stillStalled(let sample, let nanoseconds):
            log(sample, "an adapter still holds up an event loop, for \(nanoseconds / 1_000_000) ms now")
            guard let entry = BackendNames.entry(sample.ordinal) else { return }
            // Once a second, until the threshold is reached: then the other loops ask somebody else.
            registry.record(
                HealthReport(
                    outcome: .unhealthy,
                    message: "The adapter \(entry.adapter) does not return from \(sample.call.name)."),
                of: entry.registryID, now: Clock.preciseWallSeconds())
        case .ended(let sample, let nanoseconds):
            log(sample, "an adapter held up an event loop for \(nanoseconds / 1_000_000) ms")
        }
    }

    private func log(_ sample: LoopActivity.Sample, _ message: Logger.Message) {
        let entry = BackendNames.entry(sample.ordinal)
        logger.warning(
            message,
            metadata: [
                "adapter": "\(entry?.adapter ?? "?")", "backend": "\(entry?.backend ?? "?")",
                "call": "\(sample.call.name)",
            ])
    }
}
