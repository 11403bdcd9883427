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
    private let connector: any UpstreamConnector
    /// Threads for what blocks.
    let blocking: WorkPool
    /// What requests and answers of all connections take.
    let memory: MemoryBudget
    private var sweeps = 0

    /// At most `maximumLoops` in the life of the process.
    /// - Parameters:
    ///   - memory: of which answers take what adapters keep of them.
    ///   - connector: makes the connections to servers.
    ///   - blocking: runs what adapters give to `run_blocking`; nil: the threads of all loops together.
    ///   - tlsContext: for connections to HTTPS servers; asked for when the first one is made.
    public init(
        loop: any EventLoop, memory: MemoryBudget = MemoryBudget(limit: .max),
        connector: any UpstreamConnector = SocketConnector(), blocking: WorkPool? = nil,
        tlsContext: @escaping @Sendable () throws -> NIOSSLContext
    ) {
        self.loop = loop
        self.memory = memory
        self.tlsContext = tlsContext
        self.connector = connector
        self.blocking = blocking ?? .adapters
        index = Self.indices.withLock { $0.take() }
        tasks = HandleTable(tag: UInt8(3 * index + 1))
        requests = HandleTable(tag: UInt8(3 * index + 2))
        timers = HandleTable(tag: UInt8(3 * index + 3))
    }

    /// Handles carry the table they belong to in one byte.
    public static let maximumLoops = 84
    private let index: Int
    private static let indices = Mutex(Indices())
    private var sweeping: RepeatedTask?

    /// Numbers of loops: each goes to one at a time.
    private struct Indices {
        private var next = 0
        private var free: [Int] = []

        mutating func take() -> Int {
            if let index = free.popLast() { return index }
            defer { next += 1 }
            return next
        }

        mutating func giveBack(_ index: Int) { free.append(index) }
    }

    private struct Bound {
        var services: NIOLoopBound<LoopServices>
        /// Other threads may give it work.
        var isShared: Bool
    }

    private static let loops = Mutex<[Int: Bound]>([:])

    /// Those that other threads may give work.
    private static var shared: [NIOLoopBound<LoopServices>] {
        loops.withLock { $0.values.filter(\.isShared).map(\.services) }
    }

    /// The services whose table a task's handle belongs to, whether it is stale or not. On any thread.
    static func owning(_ task: nexus_task) -> NIOLoopBound<LoopServices>? {
        let tag = Int(HandleTable<AdapterTask>.tag(of: task))
        return loops.withLock { $0[tag]?.services }
    }

    /// Makes this the services of the calling thread, and starts the sweep. To be called once on the loop. The object
    /// then lives as long as the process, as the thread may ask for it at any time, or until `unbindFromThread`.
    /// - Parameter isShared: other threads may give the loop work that belongs to none; false for a simulation's.
    public func bindToThread(isShared: Bool = true) {
        loop.preconditionInEventLoop()
        nexus_set_thread_value(Unmanaged.passRetained(self).toOpaque())
        let services = NIOLoopBound(self, eventLoop: loop)
        Self.loops.withLock { $0[3 * index + 1] = Bound(services: services, isShared: isShared) }
        sweeping = loop.scheduleRepeatedTask(initialDelay: Limits.sweepInterval, delay: Limits.sweepInterval) { _ in
            services.value.sweep()
        }
    }

    /// The opposite, for a simulation that has come to its end: nothing may be under way, and no handle of this loop be in use.
    package func unbindFromThread() {
        loop.preconditionInEventLoop()
        guard let value = nexus_thread_value() else { return }
        sweeping?.cancel()
        nexus_set_thread_value(nil)
        Self.loops.withLock { $0[3 * index + 1] = nil }
        Self.indices.withLock { $0.giveBack(index) }
        Misuse.forgetWorld()
        Unmanaged<LoopServices>.fromOpaque(value).release()
    }

    /// Has `action` called after a while, on the thread's own loop or else on some; false if there is none yet. On any thread.
    static func later(milliseconds: Int64, _ action: @escaping @Sendable () -> Void) -> Bool {
        guard let loop = current?.loop ?? shared.first?.eventLoop else { return false }
        loop.scheduleTask(in: .milliseconds(milliseconds)) { action() }
        return true
    }

    /// The HTTP requests of adapters that are under way, for the benchmark of the ABI.
    package var callsUnderWay: [any UpstreamCallDelegate] { requests.values }

    /// Those of some loop, for work that belongs to none; nil if there is no loop yet. On any thread.
    static func some() -> NIOLoopBound<LoopServices>? { shared.randomElement() }

    /// The services of the calling thread; nil on threads that are no event loops.
    static var current: LoopServices? {
        nexus_thread_value().map { Unmanaged<LoopServices>.fromOpaque($0).takeUnretainedValue() }
    }

    func pool(of backend: AdapterBackend) -> UpstreamPool {
        if let pool = pools[backend.ordinal] { return pool }
        let pool = UpstreamPool(
            target: backend.target, connectLimit: backend.identity.timeouts.connect.map { TimeAmount($0) }, loop: loop,
            connector: connector, tlsContext: tlsContext)
        pools[backend.ordinal] = pool
        return pool
    }

    /// Nothing is under way at the backend any more, and nothing will be: no loop keeps a pool for it. On any thread.
    static func forget(_ backend: AdapterBackend) {
        for services in shared {
            services.eventLoop.execute { services.value.closePool(of: backend) }
        }
    }

    /// Whom to trust over TLS has changed: no loop keeps a connection that was made before. Callable from any thread.
    package static func renewTLS() {
        for services in shared {
            services.eventLoop.execute {
                for pool in services.value.pools.values { pool.renewTLS() }
            }
        }
    }

    /// Ends all that is under way at the backend, and closes its connections.
    func closePool(of backend: AdapterBackend) {
        // Else an adapter whose request has ended would begin the next one.
        for task in tasks.values where task.backend === backend { task.expire() }
        for request in requests.values where request.isOf(backend) { request.cancel() }
        pools.removeValue(forKey: backend.ordinal)?.shutdown()
    }

    /// The same for an operator who does not want to wait: nobody is to blame.
    func abandon(_ backend: AdapterBackend, reason: String) {
        for task in tasks.values where task.backend === backend { task.abandon(reason) }
        closePool(of: backend)
    }

    private func sweep() {
        let now = loop.now
        if requests.count > 0 {
            for request in requests.values(where: { $0.deadline <= now }) { request.expire() }
        }
        if tasks.count > 0 {
            for task in tasks.values(where: { $0.deadline <= now }) { task.expire() }
        }
        sweeps += 1
        if sweeps % 10 == 0 {
            // In one order, so that a simulation does the same each time.
            for (_, pool) in pools.sorted(by: { $0.key < $1.key }) { pool.sweep(now: now) }
        }
    }
}
