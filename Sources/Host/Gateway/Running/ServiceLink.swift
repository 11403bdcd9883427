import AdapterHost
import Core
import Glibc
import Logging
import NIOCore
import Service
import Synchronization

/// Keeps the service manager told how the gateway is. One thing after another; not to be called on event loops.
final class ServiceLink: Sendable {
    private struct State {
        var reloads = ReloadTurns()
        var status = ""
        var isEnding = false
        var hasFailed = false
    }

    private let manager: ServiceManager
    private let watchdog: WatchdogTerms?
    private let logger: Logger
    private let state = Mutex(State())

    init(_ terms: ServiceTerms, logger: Logger) {
        manager = ServiceManager(terms.notify)
        watchdog = terms.watchdog
        self.logger = logger
    }

    // MARK: The gateway's life

    /// The gateway takes requests.
    func ready(_ status: String) {
        state.withLock { state in
            state.status = status
            tell(.ready(status), &state)
        }
    }

    /// Says how things are, where that has changed.
    func update(_ status: String) {
        state.withLock { state in
            guard status != state.status, !state.isEnding else { return }
            state.status = status
            tell(.status(status), &state)
        }
    }

    /// Tells that the configuration is read again as long as `body` takes.
    func reloading(_ body: () async -> ReloadOutcome) async -> ReloadOutcome {
        state.withLock { state in
            guard state.reloads.begin(), !state.isEnding else { return }
            tell(.reloading(since: Clock.monotonicNanoseconds() / 1000), &state)
        }
        let outcome = await body()
        state.withLock { state in
            guard state.reloads.end(), !state.isEnding else { return }
            if outcome.problem != nil {
                state.status = "the configuration was not reloaded, the one before stays; see the log"
            }
            tell(.ready(state.status), &state)
        }
        return outcome
    }

    /// The gateway ends.
    /// - Parameter time: which that may take.
    func stopping(within time: Duration) {
        state.withLock { state in
            state.isEnding = true
            let (seconds, attoseconds) = time.components
            let microseconds = UInt64(max(0, seconds)) * 1_000_000 + UInt64(max(0, attoseconds)) / 1_000_000_000_000
            tell(.stopping("waiting for running requests", within: microseconds), &state)
        }
    }

    /// The gateway does not start.
    func failed(_ reason: String) {
        state.withLock { tell(.status("the gateway does not start: \(reason)"), &$0) }
    }

    // MARK: The listener

    /// Has the gateway's own listener given to its next run, so that who connects in between waits instead of being refused.
    func keep(_ listener: CInt) {
        state.withLock { tell(.keep(ListenPlan.keptName), descriptor: listener, &$0) }
    }

    /// What was kept is no longer served.
    func forget() {
        state.withLock { tell(.forget(ListenPlan.keptName), &$0) }
    }

    private func tell(_ notice: ServiceNotice, descriptor: CInt = -1, _ state: inout State) {
        guard let problem = manager.tell(notice, descriptor: descriptor), !state.hasFailed else { return }
        state.hasFailed = true
        logger.warning("the service manager cannot be told how the gateway is: \(problem)")
    }

    // MARK: The watchdog

    /// When a loop has beaten last.
    private final class Pulse: Sendable {
        private let at = Atomic<UInt64>(Clock.monotonicNanoseconds())
        var last: UInt64 { at.load(ordering: .relaxed) }
        func beat() { at.store(Clock.monotonicNanoseconds(), ordering: .relaxed) }
    }

    /// From now on the manager hears that the gateway lives, as long as all loops turn. Without a manager that wants to know, this does
    /// nothing.
    func watch(_ loops: [any EventLoop]) {
        guard let watchdog, manager.isThere else { return }
        let pulses = loops.map { loop in
            let pulse = Pulse()
            let pause = TimeAmount.nanoseconds(Int64(clamping: watchdog.beat))
            loop.scheduleRepeatedTask(initialDelay: .zero, delay: pause) { _ in pulse.beat() }
            return pulse
        }
        let (manager, logger) = (manager, logger)
        let isStarted = DetachedThread.start("nexus-alive") {
            var beats = LoopBeats(patience: watchdog.patience)
            while true {
                let look = beats.look(at: pulses.map(\.last), now: Clock.monotonicNanoseconds())
                if look.isNews { Self.log(look, of: pulses.count, to: logger) }
                if look.isAlive { manager.tell(.alive) }
                Self.sleep(watchdog.look)
            }
        }
        if !isStarted {
            logger.error("the system has no thread left for the watchdog; the service manager may restart nexus")
        }
    }

    private static func log(_ look: LoopBeats.Look, of count: Int, to logger: Logger) {
        guard !look.isAlive else {
            return logger.notice("all event loops turn again; the service manager's watchdog is told so")
        }
        logger.error(
            "event loops do not turn; the service manager's watchdog is not told that all is well",
            metadata: [
                "loops": .number(look.stuck.count), "of": .number(count),
                "ms": .number(Int(clamping: look.longest / 1_000_000)),
            ])
    }

    private static func sleep(_ nanoseconds: UInt64) {
        var time = timespec(
            tv_sec: Int(clamping: nanoseconds / 1_000_000_000), tv_nsec: Int(nanoseconds % 1_000_000_000))
        // A signal ends it early, which makes one look more.
        nanosleep(&time, nil)
    }
}

/// What the service manager shows of a gateway that runs (`systemctl status`).
enum ServiceStatus {
    private static let interval = TimeAmount.seconds(2)

    static func words(address: String, serving: Int, of total: Int) -> String {
        guard total > 0 else { return "\(address); no backend yet" }
        return "\(address); \(serving) of \(total) backends \(serving == 1 ? "serves" : "serve")"
    }

    static func words(_ state: GatewayState, address: String) -> String {
        let backends = state.registry.snapshot.backends
        return words(address: address, serving: backends.count(where: { $0.status.serves }), of: backends.count)
    }

    /// Looks at regular times, away from the loop.
    static func start(_ state: GatewayState, _ service: ServiceLink, address: String, on loop: any EventLoop) {
        loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            // Where there is no time for it now, there will be.
            _ = state.work.submit(size: 0) { service.update(words(state, address: address)) }
        }
    }
}
