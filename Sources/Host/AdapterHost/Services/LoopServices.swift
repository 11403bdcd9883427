import Core
import NIOCore
import NIOSSL
import PluginAPI
import Shims
import Synchronization
import Upstream

/// What one event loop has for adapters: the tables that their handles refer to, the connections to their servers, and
/// the sweep that enforces deadlines. Everything here happens on that loop's thread.
public final class LoopServices {
    public enum Limits {
        /// Deadlines are enforced with this precision.
        public static let sweepInterval = TimeAmount.milliseconds(100)
    }

    public let loop: any EventLoop
    public let activity = LoopActivity()
    var tasks: HandleTable<AdapterTask>
    var requests: HandleTable<AdapterRequest>
    var timers: HandleTable<AdapterTimer>
    /// Counts the calls into adapters.
    var callSequence: UInt64 = 0
    /// Whose adapter is being called right now, by the backend's ordinal: services of a loop are called from inside such calls
    /// alone, so this tells who asks.
    var caller: Int?
    private var pools: [Int: UpstreamPool] = [:]
    private let tlsContext: @Sendable () throws -> NIOSSLContext
    /// What requests and answers of all connections take.
    let memory: MemoryBudget
    private var sweeps = 0

    /// At most `maximumLoops` in the life of the process.
    /// - Parameters:
    ///   - memory: of which answers take what adapters keep of them.
    ///   - tlsContext: for connections to HTTPS servers; asked for when the first one is made.
    public init(
        loop: any EventLoop, memory: MemoryBudget = MemoryBudget(limit: .max),
        tlsContext: @escaping @Sendable () throws -> NIOSSLContext
    ) {
        self.loop = loop
        self.memory = memory
        self.tlsContext = tlsContext
        index = Self.nextIndex.add(1, ordering: .relaxed).oldValue
        tasks = HandleTable(tag: UInt8(3 * index + 1))
        requests = HandleTable(tag: UInt8(3 * index + 2))
        timers = HandleTable(tag: UInt8(3 * index + 3))
    }

    /// Handles carry the table they belong to in one byte.
    public static let maximumLoops = 84
    private let index: Int
    private static let nextIndex = Atomic<Int>(0)
    private static let loops = Mutex<[Int: NIOLoopBound<LoopServices>]>([:])

    /// The services whose table a task's handle belongs to, whether it is stale or not. On any thread.
    static func owning(_ task: nexus_task) -> NIOLoopBound<LoopServices>? {
        let tag = Int(HandleTable<AdapterTask>.tag(of: task))
        return loops.withLock { $0[tag] }
    }

    /// Makes this the services of the calling thread, and starts the sweep. To be called once on the loop. The object
    /// then lives as long as the process, as the thread may ask for it at any time.
    public func bindToThread() {
        loop.preconditionInEventLoop()
        nexus_set_thread_value(Unmanaged.passRetained(self).toOpaque())
        let services = NIOLoopBound(self, eventLoop: loop)
        Self.loops.withLock { $0[3 * index + 1] = services }
        loop.scheduleRepeatedTask(initialDelay: Limits.sweepInterval, delay: Limits.sweepInterval) { _ in
            services.value.sweep()
        }
    }

    /// Has `action` called on some loop after a while; false if there is no loop yet. On any thread.
    static func later(milliseconds: Int64, _ action: @escaping @Sendable () -> Void) -> Bool {
        guard let loop = loops.withLock({ $0.values.first?.eventLoop }) else { return false }
        loop.scheduleTask(in: .milliseconds(milliseconds)) { action() }
        return true
    }

    /// The HTTP requests of adapters that are under way, for the benchmark of the ABI.
    package var callsUnderWay: [any UpstreamCallDelegate] { requests.values }

    /// Those of some loop, for work that belongs to none; nil if there is no loop yet. On any thread.
    static func some() -> NIOLoopBound<LoopServices>? { loops.withLock { $0.values.randomElement() } }

    /// The services of the calling thread; nil on threads that are no event loops.
    static var current: LoopServices? {
        nexus_thread_value().map { Unmanaged<LoopServices>.fromOpaque($0).takeUnretainedValue() }
    }

    func pool(of backend: AdapterBackend) -> UpstreamPool {
        if let pool = pools[backend.ordinal] { return pool }
        let pool = UpstreamPool(
            target: backend.target, connectLimit: backend.identity.timeouts.connect.map { TimeAmount($0) }, loop: loop,
            tlsContext: tlsContext)
        pools[backend.ordinal] = pool
        return pool
    }

    /// Nothing is under way at the backend any more, and nothing will be: no loop keeps a pool for it. On any thread.
    static func forget(_ backend: AdapterBackend) {
        for services in loops.withLock({ Array($0.values) }) {
            services.eventLoop.execute { services.value.closePool(of: backend) }
        }
    }

    /// Ends all that is under way at the backend, and closes its connections.
    func closePool(of backend: AdapterBackend) {
        for request in requests.values where request.isOf(backend) { request.cancel() }
        pools.removeValue(forKey: backend.ordinal)?.shutdown()
    }

    private func sweep() {
        let now = loop.now
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
