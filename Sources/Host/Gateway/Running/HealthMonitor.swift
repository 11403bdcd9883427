import Core
import NIOCore
import Synchronization

/// Probes every backend once an interval, each on a loop of its own choosing, and publishes the state of all when a round has
/// ended. Those with which something is wrong are probed more often, from the first failure on, so that it is known soon
/// whether a server has gone, and it is used soon after it has come.
final class HealthMonitor: Sendable {
    /// A backend that could not be reached is probed at once, but not more often than this.
    static let reprobeInterval = TimeAmount.seconds(1)
    /// Times of such probes that are kept before those that are past are forgotten.
    private static let reprobesKept = 256

    private let state: GatewayState
    private let loops: [NIOLoopBound<LoopState>]
    private let plan: Mutex<Plan>
    private let lastReprobe = Mutex<[String: NIODeadline]>([:])
    private let turn = Atomic<Int>(0)

    private struct Plan {
        var timeout: TimeAmount
        var rounds: RepeatedTask?
        var retries: RepeatedTask?
    }

    init(state: GatewayState, loops: [NIOLoopBound<LoopState>], _ configuration: Configuration.HealthCheck) {
        self.state = state
        self.loops = loops
        plan = Mutex(Plan(timeout: TimeAmount(configuration.timeout)))
        schedule(configuration)
        state.onUnreachable { [weak self] backend in self?.reprobe(backend) }
    }

    /// One round each interval from now on.
    func schedule(_ configuration: Configuration.HealthCheck) {
        let interval = TimeAmount(configuration.interval)
        let rounds =
            configuration.enabled
            ? loops[0].eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [weak self] _ in
                self?.round()
            } : nil
        let retry = TimeAmount(configuration.retryInterval)
        let retries =
            configuration.enabled && retry < interval
            ? loops[0].eventLoop.scheduleRepeatedTask(initialDelay: retry, delay: retry) { [weak self] _ in
                self?.retryRound()
            } : nil
        let before = plan.withLock { plan in
            defer { plan = Plan(timeout: TimeAmount(configuration.timeout), rounds: rounds, retries: retries) }
            return [plan.rounds, plan.retries]
        }
        for task in before { task?.cancel() }
    }

    /// Probes one backend now, as when it is new.
    /// - Parameter ended: called on some event loop when the probe has ended.
    func probe(_ backend: any BackendDriver, ended: @escaping @Sendable () -> Void = {}) {
        probe(backend, on: turn.add(1, ordering: .relaxed).newValue, ended: ended)
    }

    private func round() {
        let backends = state.registry.snapshot.backends.map(\.driver).filter(\.isUsable)
        guard !backends.isEmpty else { return }
        let counter = Counter(left: backends.count)
        for (index, backend) in backends.enumerated() {
            probe(backend, on: index) { [state] in
                if counter.countDown() { state.registry.publishAll() }
            }
        }
    }

    private func retryRound() {
        for (index, backend) in state.registry.snapshot.backends.enumerated()
        where backend.driver.isUsable
            && (backend.status == .unhealthy || backend.status.serves && backend.lastError != nil)
        {
            probe(backend.driver, on: index) {}
        }
    }

    private func probe(_ backend: any BackendDriver, on index: Int, ended: @escaping @Sendable () -> Void) {
        let loop = loops[index % loops.count]
        let timeout = plan.withLock { $0.timeout }
        loop.eventLoop.execute {
            backend.probe(on: loop.eventLoop, timeout: timeout, ended: ended)
        }
    }

    private func reprobe(_ backend: BackendSnapshot) {
        guard backend.driver.isUsable else { return }
        let now = loops[0].eventLoop.now
        let isDue = lastReprobe.withLock { last in
            if let before = last[backend.identity.id], now - before < Self.reprobeInterval { return false }
            // Backends come and go; what is past tells nothing any more.
            if last.count >= Self.reprobesKept { last = last.filter { now - $0.value < Self.reprobeInterval } }
            last[backend.identity.id] = now
            return true
        }
        if isDue { probe(backend.driver, on: 0) {} }
    }

    private final class Counter: Sendable {
        private let left: Atomic<Int>
        init(left: Int) { self.left = Atomic(left) }
        /// True for the last one.
        func countDown() -> Bool { left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
    }
}
