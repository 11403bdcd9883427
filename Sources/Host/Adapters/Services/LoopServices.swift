import NIOCore
import NIOSSL
import Shims
import Upstream

/// What one event loop has for adapters: the tables that their handles refer to, the connections to their servers, and
/// the sweep that enforces deadlines. Everything here happens on that loop's thread.
public final class LoopServices {
    public enum Limits {
        /// Deadlines are enforced with this precision.
        public static let sweepInterval = TimeAmount.milliseconds(100)
    }

    public let loop: any EventLoop
    var tasks: HandleTable<AdapterTask>
    var requests: HandleTable<AdapterRequest>
    private var pools: [Int: UpstreamPool] = [:]
    private let tlsContext: @Sendable () throws -> NIOSSLContext
    private var sweeps = 0

    /// - Parameters:
    ///   - index: 0...126, unique among the loops.
    ///   - tlsContext: for connections to HTTPS servers; asked for when the first one is made.
    public init(index: Int, loop: any EventLoop, tlsContext: @escaping @Sendable () throws -> NIOSSLContext) {
        self.loop = loop
        self.tlsContext = tlsContext
        tasks = HandleTable(tag: UInt8(2 * index + 1))
        requests = HandleTable(tag: UInt8(2 * index + 2))
    }

    /// Makes this the services of the calling thread, and starts the sweep. To be called once on the loop. The object
    /// then lives as long as the process, as the thread may ask for it at any time.
    public func bindToThread() {
        loop.preconditionInEventLoop()
        nexus_set_thread_value(Unmanaged.passRetained(self).toOpaque())
        let services = NIOLoopBound(self, eventLoop: loop)
        loop.scheduleRepeatedTask(initialDelay: Limits.sweepInterval, delay: Limits.sweepInterval) { _ in
            services.value.sweep()
        }
    }

    /// The services of the calling thread; nil on threads that are no event loops.
    static var current: LoopServices? {
        nexus_thread_value().map { Unmanaged<LoopServices>.fromOpaque($0).takeUnretainedValue() }
    }

    func pool(of backend: AdapterBackend) -> UpstreamPool {
        if let pool = pools[backend.ordinal] { return pool }
        let pool = UpstreamPool(target: backend.target, loop: loop, tlsContext: tlsContext)
        pools[backend.ordinal] = pool
        return pool
    }

    /// Ends all that is under way at the backend, and closes its connections.
    func closePool(of backend: AdapterBackend) {
        for request in requests.values where request.isOf(backend) { request.cancel() }
        pools.removeValue(forKey: backend.ordinal)?.shutdown()
    }

    private func sweep() {
        let now = NIODeadline.now()
        if requests.count > 0 {
            for request in requests.values where request.deadline <= now { request.expire() }
        }
        if tasks.count > 0 {
            for task in tasks.values where task.deadline <= now { task.expire() }
        }
        sweeps += 1
        if sweeps % 10 == 0 {
            for pool in pools.values { pool.sweep(now: now) }
        }
    }
}
