import Adapters
import Core
import NIOCore
import Synchronization

/// Probes every backend once an interval, each on a loop of its own choosing, and publishes the state of all when a round has
/// ended.
final class HealthMonitor: Sendable {
    /// A backend that could not be reached is probed at once, but not more often than this.
    static let reprobeInterval = TimeAmount.seconds(1)

    private let state: GatewayState
    private let loops: [NIOLoopBound<LoopState>]
    private let interval: TimeAmount
    private let timeout: TimeAmount
    private let lastReprobe = Mutex<[String: NIODeadline]>([:])

    init(state: GatewayState, loops: [NIOLoopBound<LoopState>]) {
        self.state = state
        self.loops = loops
        interval = TimeAmount(state.configuration.healthCheck.interval)
        timeout = TimeAmount(state.configuration.healthCheck.timeout)
    }

    /// Starts the first round now and one each interval. To be called once.
    func start() {
        state.onUnreachable { [weak self] backend in self?.reprobe(backend) }
        round()
        guard state.configuration.healthCheck.enabled else { return }
        loops[0].eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [weak self] _ in
            self?.round()
        }
    }

    private func round() {
        let backends = state.registry.snapshot.backends.compactMap { $0.driver as? AdapterBackend }
        guard !backends.isEmpty else { return }
        let counter = Counter(left: backends.count)
        for (index, backend) in backends.enumerated() {
            probe(backend, on: index) { [state] in
                if counter.countDown() { state.registry.publishAll() }
            }
        }
    }

    private func probe(_ backend: AdapterBackend, on index: Int, ended: @escaping @Sendable () -> Void) {
        let loop = loops[index % loops.count]
        let timeout = timeout
        loop.eventLoop.execute {
            backend.probe(services: loop.value.services, timeout: timeout, ended: ended)
        }
    }

    private func reprobe(_ backend: BackendSnapshot) {
        guard let driver = backend.driver as? AdapterBackend else { return }
        let now = NIODeadline.now()
        let isDue = lastReprobe.withLock { last in
            if let before = last[backend.identity.id], now - before < Self.reprobeInterval { return false }
            last[backend.identity.id] = now
            return true
        }
        if isDue { probe(driver, on: 0) {} }
    }

    private final class Counter: Sendable {
        private let left: Atomic<Int>
        init(left: Int) { self.left = Atomic(left) }
        /// True for the last one.
        func countDown() -> Bool { left.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }
    }
}
