import ABIRules
import Core
import Logging
import NIOCore
import PluginAPI
import Shims
import Synchronization
import Upstream

/// One backend behind an instance of its adapter: what the registry carries, what routing submits to, and what
/// receives the adapter's reports.
///
/// Invariant behind the unchecked Sendable: `instance` and `callbacks` are set in `init`, and `instance` is taken away in `destroy`
/// alone, when nothing is under way and nothing can begin any more (`pins`, `isRetired`); the adapter promises to take calls for
/// different tasks on different threads.
public final class AdapterBackend: BackendDriver, @unchecked Sendable {
    public let identity: BackendIdentity
    public let image: AdapterImage
    let target: UpstreamTarget
    /// Unique over the life of the process.
    let ordinal: Int
    /// What a crash is said to have happened in. Never freed: a thread may hold it for as long as it runs.
    private let note: UnsafePointer<CChar>
    private(set) var instance: UnsafeMutableRawPointer?
    private var callbacks: BoundCallbacks?
    private let reports: AdapterReports
    let secrets: Secrets
    private let liveTasks = Atomic<Int>(0)
    private let probing = Atomic<Bool>(false)
    /// What must end before the instance may be destroyed: tasks, HTTP requests, timers, blocking work, actions.
    private let pins = Atomic<Int>(0)
    private let blocking = Atomic<Int>(0)
    /// Functions given to `post` that were not called yet.
    private let posts = Atomic<Int>(0)
    private let isRetired = Atomic<Bool>(false)
    /// Actions under way.
    private let runs = Mutex<[nexus_task: ActionRun]>([:])
    private let onIdle = Mutex<(@Sendable () -> Void)?>(nil)

    private static let nextOrdinal = Atomic<Int>(0)

    /// How long an adapter may take to create an instance.
    public static let createLimit = Duration.milliseconds(ABILimits.createMilliseconds)

    /// Creates the adapter's instance on a thread of its own. One that takes longer than `createLimit` has failed; if it
    /// comes later, it is destroyed.
    /// - Parameters:
    ///   - options: a JSON object, checked against the adapter's schema.
    ///   - secretOptions: places of options that are secret besides those that the schema marks.
    ///   - limit: how long `create` may take.
    public static func make(
        identity: BackendIdentity, image: AdapterImage, target: UpstreamTarget, apiKeys: [String], options: String,
        secretOptions: [String] = [], registry: Registry, logger: Logger, limit: Duration = createLimit
    ) async throws(CreateFailure) -> AdapterBackend {
        let result = await withCheckedContinuation { continuation in
            let first = FirstResult(continuation)
            DetachedThread.run("create") {
                let result = Result { () throws(CreateFailure) in
                    try AdapterBackend(
                        identity: identity, image: image, target: target, apiKeys: apiKeys, options: options,
                        secretOptions: secretOptions, registry: registry, logger: logger)
                }
                if !first.give(result), case .success(let late) = result { Task { await late.end() } }
            }
            Task {
                try? await Task.sleep(for: limit)
                let message = "the adapter's create did not return within \(limit.components.seconds) s"
                _ = first.give(.failure(CreateFailure(message: message)))
            }
        }
        return try result.get()
    }

    /// Of an instance and a time-out the one that comes first.
    private final class FirstResult: Sendable {
        typealias Continuation = CheckedContinuation<Result<AdapterBackend, CreateFailure>, Never>
        private let continuation: Mutex<Continuation?>
        init(_ continuation: Continuation) { self.continuation = Mutex(continuation) }

        /// False if there was a result already.
        func give(_ result: Result<AdapterBackend, CreateFailure>) -> Bool {
            let continuation = continuation.withLock { continuation in
                defer { continuation = nil }
                return continuation
            }
            continuation?.resume(returning: result)
            return continuation != nil
        }
    }

    /// To be called on a thread that may block for a short time.
    package init(
        identity: BackendIdentity, image: AdapterImage, target: UpstreamTarget, apiKeys: [String], options: String,
        secretOptions: [String] = [], registry: Registry, logger: Logger
    ) throws(CreateFailure) {
        self.identity = identity
        self.image = image
        self.target = target
        ordinal = Self.nextOrdinal.add(1, ordering: .relaxed).newValue
        note = Self.note(adapter: image.type, backend: identity.name)
        secrets = Secrets(
            apiKeys, options: OptionSecrets.texts(in: options, schema: image.optionsSchema, marked: secretOptions))
        reports = AdapterReports(id: identity.id, registry: registry, logger: logger, secrets: secrets)
        guard let callbacks = BoundCallbacks(receiver: reports, name: identity.id) else {
            throw CreateFailure(message: "libffi has no memory for callbacks")
        }
        self.callbacks = callbacks
        BackendNames.set(
            ordinal, BackendNames.Entry(adapter: image.type, backend: identity.name, registryID: identity.id))
        do throws(CreateFailure) {
            let before = nexus_note_swap(note)
            defer { nexus_note_swap(before) }
            instance = try Self.create(
                image, callbacks, name: identity.name, url: identity.url, apiKeys: apiKeys, options: options)
        } catch {
            BackendNames.remove(ordinal)
            throw CreateFailure(message: secrets.hidden(in: error.message))
        }
        reports.attach(self)
    }

    private static func note(adapter: String, backend: String) -> UnsafePointer<CChar> {
        let text = Array("the adapter \"\(adapter)\" (backend \"\(backend)\")".utf8CString)
        let memory = UnsafeMutablePointer<CChar>.allocate(capacity: text.count)
        memory.initialize(from: text, count: text.count)
        return UnsafePointer(memory)
    }

    /// The adapter did not make an instance; its own words.
    public struct CreateFailure: Error, Sendable {
        public let message: String
        public init(message: String) { self.message = message }
    }

    private static func create(
        _ image: AdapterImage, _ callbacks: BoundCallbacks, name: String, url: String, apiKeys: [String],
        options: String
    ) throws(CreateFailure) -> UnsafeMutableRawPointer {
        var message = MessageBuffer()
        var instance: UnsafeMutableRawPointer?
        let status = withBorrowed(name) { name in
            withBorrowed(url) { url in
                withBorrowed(apiKeys) { keys in
                    withBorrowed(options) { options in
                        var config = nexus_backend_config(
                            struct_size: UInt32(MemoryLayout<nexus_backend_config>.size), reserved: 0, name: name,
                            url: url, api_key: keys.first ?? nexus_str(ptr: nil, len: 0), options: options,
                            api_keys: keys.baseAddress, api_key_count: keys.count)
                        return message.fill {
                            image.functions.create(&config, HostTable.pointer, callbacks.pointer, &instance, $0)
                        }
                    }
                }
            }
        }
        guard status == NEXUS_OK, let instance else {
            callbacks.revoke()
            if status == NEXUS_OK { throw CreateFailure(message: "the adapter reported success without an instance") }
            throw CreateFailure(message: message.text.isEmpty ? "the adapter gave no reason (\(status))" : message.text)
        }
        return instance
    }

    public var isUsable: Bool { true }

    // MARK: Exchanges

    /// - Parameter told: what the server answers, as it was reported; 0: it was not.
    public func supports(_ kind: RequestKind, told: UInt32) -> Bool {
        image.kinds & (told == 0 ? .max : told) & kind.bit != 0
    }

    /// Begins an attempt on the calling loop. The events reach `sink`, perhaps already inside this call. Nil if the
    /// attempt could not be started at all; nothing reaches the sink then.
    public func submit(
        _ request: SubmittedRequest, sink: any AttemptSink, on loop: any EventLoop, deadline: NIODeadline
    ) -> (any Attempt)? {
        guard let services = LoopServices.current, services.loop === loop else { return nil }
        liveTasks.add(1, ordering: .relaxed)
        pin()
        guard !isRetired.load(ordering: .sequentiallyConsistent),
            let task = AdapterTask(.exchange(sink), backend: self, services: services, deadline: deadline)
        else {
            taskEnded()
            return nil
        }
        let status = lend(request, body: sink.requestBody) { crossing in
            var crossing = crossing
            crossing.deadline_ms = Self.milliseconds(
                until: min(request.deadline ?? .distantFuture, deadline), on: services.loop)
            return calling(.submit, on: services) { image.functions.submit(instance, task.handle, &crossing) }
        }
        if status != NEXUS_OK, task.isLive {
            task.endedByAdapter()
            let kind: ExchangeFailure.Kind = status == NEXUS_UNSUPPORTED ? .unsupported : .adapter
            sink.attemptFailed(
                ExchangeFailure(
                    kind: kind, message: "The adapter \(image.type) did not take the request (status \(status))."))
        }
        return task
    }

    /// Lends a request as it crosses to the adapter.
    private func lend<Result>(
        _ request: SubmittedRequest, body: ByteBuffer, to take: (nexus_request) -> Result
    ) -> Result {
        let headers = request.headers.isEmpty ? [] : Self.passed(request.headers)
        return body.withUnsafeReadableBytes { body in
            withBorrowed(request.model) { model in
                withBorrowed(request.requestID, request.path, request.contentType) { id, path, contentType in
                    withBorrowed(headers) { headers in
                        take(
                            nexus_request(
                                struct_size: UInt32(MemoryLayout<nexus_request>.size), kind: request.kind.bit,
                                flags: request.flags, reserved: 0, model: model,
                                body: nexus_str(
                                    ptr: body.assumingMemoryBound(to: CChar.self).baseAddress, len: body.count),
                                request_id: id, path: path, content_type: contentType, deadline_ms: 0,
                                headers: headers.baseAddress, header_count: headers.count))
                    }
                }
            }
        }
    }

    private static func passed(_ headers: [HeaderField]) -> [PassedField] {
        PassedHeaders.ofClients.taken(headers.map { PassedField(name: $0.name, value: $0.value) })
    }

    /// What is left of the time; 0: there is no end.
    private static func milliseconds(until deadline: NIODeadline, on loop: any EventLoop) -> UInt64 {
        guard deadline < .distantFuture else { return 0 }
        return AnswerRules.given(UInt64(clamping: (deadline - loop.now).nanoseconds / 1_000_000))
    }

    func taskEnded() {
        liveTasks.subtract(1, ordering: .relaxed)
        unpin()
    }

    /// Calls the adapter on a loop, in sight of the watchdog.
    @inline(__always)
    func calling<Result>(_ call: AdapterCall, on services: LoopServices, _ body: () -> Result) -> Result {
        services.callSequence &+= 1
        let outer = services.activity.enter(call, ordinal: ordinal, sequence: services.callSequence)
        let note = nexus_note_swap(note)
        let caller = services.caller
        services.caller = ordinal
        defer {
            services.activity.leave(outer)
            nexus_note_swap(note)
            services.caller = caller
        }
        return body()
    }

    /// Calls the adapter on a thread that may block.
    func calling<Result>(_ body: () -> Result) -> Result {
        let before = nexus_note_swap(note)
        defer { nexus_note_swap(before) }
        return body()
    }

    // MARK: Other threads

    func post(
        _ function: @escaping nexus_posted, for task: nexus_task, user: UnsafeMutableRawPointer?
    ) -> nexus_status {
        guard let services = LoopServices.owning(task) else { return NEXUS_STALE }
        guard posts.add(1, ordering: .sequentiallyConsistent).newValue <= ABILimits.posts else {
            endPost()
            return NEXUS_TOO_LARGE
        }
        let crossing = Posted(function: function, user: user)
        services.eventLoop.execute { [self] in
            posted(task, crossing.function, crossing.user, .posted, on: services.value)
            endPost()
        }
        return NEXUS_OK
    }

    /// Calls a function that was to be called on the task's loop.
    func posted(
        _ task: nexus_task, _ function: nexus_posted, _ user: UnsafeMutableRawPointer?, _ call: AdapterCall,
        on services: LoopServices
    ) {
        let status = services.tasks[task]?.backend === self ? NEXUS_OK : NEXUS_STALE
        calling(call, on: services) { function(user, task, status) }
    }

    /// Invariant behind the unchecked Sendable: a C function and its context, which the adapter guards.
    private struct Posted: @unchecked Sendable {
        let function: nexus_posted
        let user: UnsafeMutableRawPointer?
    }

    /// False if the backend has as much blocking work as it may. Each true is followed by one `endBlocking`.
    func beginBlocking() -> Bool {
        guard blocking.add(1, ordering: .relaxed).newValue <= ABILimits.blocking else {
            blocking.subtract(1, ordering: .relaxed)
            return false
        }
        pin()
        return true
    }

    func endBlocking() {
        blocking.subtract(1, ordering: .relaxed)
        unpin()
    }

    private func endPost() {
        if posts.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 { tellIdle() }
    }

    func pin() { pins.add(1, ordering: .sequentiallyConsistent) }

    func unpin() {
        if pins.subtract(1, ordering: .sequentiallyConsistent).newValue == 0 { tellIdle() }
    }

    private func tellIdle() {
        if isRetired.load(ordering: .sequentiallyConsistent) { onIdle.withLock { $0 }?() }
    }

    // MARK: Actions

    /// Calls `body` with the instance, which is not destroyed meanwhile. Nil if the backend is retired. On any thread.
    func withInstance<Result>(_ body: (UnsafeMutableRawPointer?) -> Result) -> Result? {
        pin()
        defer { unpin() }
        guard !isRetired.load(ordering: .sequentiallyConsistent) else { return nil }
        return calling { body(instance) }
    }

    /// False if the backend is retired; else the instance lives until `ended`. On any thread.
    func began(_ run: ActionRun) -> Bool {
        pin()
        runs.withLock { $0[run.handle] = run }
        guard !isRetired.load(ordering: .sequentiallyConsistent) else {
            ended(run)
            return false
        }
        return true
    }

    func ended(_ run: ActionRun) {
        runs.withLock { $0[run.handle] = nil }
        unpin()
    }

    // MARK: Probes

    /// Begins a probe on the calling loop, unless one is under way. `ended` is called once on that loop.
    public func probe(on loop: any EventLoop, timeout: TimeAmount, ended: @escaping () -> Void) {
        guard let services = LoopServices.current, services.loop === loop else { return ended() }
        guard probing.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else {
            ended()
            return
        }
        liveTasks.add(1, ordering: .relaxed)
        pin()
        guard !isRetired.load(ordering: .sequentiallyConsistent),
            let task = AdapterTask(.probe, backend: self, services: services, deadline: services.loop.now + timeout)
        else {
            taskEnded()
            probing.store(false, ordering: .relaxed)
            ended()
            return
        }
        let bound = NIOLoopBound((task, ended), eventLoop: loop)
        reports.beginProbe(now: loop.now) {
            // Reports come from any thread; the task ends on its own loop.
            loop.execute {
                let (task, ended) = bound.value
                if task.isLive { task.endedByAdapter() }
                task.backend.probing.store(false, ordering: .relaxed)
                ended()
            }
        }
        calling(.probe, on: services) { image.functions.probe(instance, task.handle) }
    }

    /// The host ends a probe in the adapter's place, unless the adapter has just done so itself.
    func probeExpired(_ message: String) {
        if reports.isProbing { reports.received(HealthReport(outcome: .unhealthy, message: message)) }
    }

    // MARK: The end

    /// Exchanges and probes under way.
    public var taskCount: Int { liveTasks.load(ordering: .relaxed) }

    /// Closes what one loop has open to the server. On that loop.
    public func closeConnections(on loop: any EventLoop) {
        if let services = LoopServices.current, services.loop === loop { services.closePool(of: self) }
    }

    /// From here on nothing new begins: `submit` gives nil, probes end at once, reports do not count. What is under way
    /// goes on, but for actions, which are cancelled.
    public func retire() {
        isRetired.store(true, ordering: .sequentiallyConsistent)
        reports.retire()
        for run in runs.withLock({ Array($0.values) }) { run.cancel() }
    }

    /// Returns when this is so; asked again whenever a count has come to zero. Only after `retire`.
    private func until(_ isIdle: @escaping @Sendable () -> Bool) async {
        await withCheckedContinuation { continuation in
            let once = Once { continuation.resume() }
            let ask: @Sendable () -> Void = { if isIdle() { once.run() } }
            onIdle.withLock { $0 = ask }
            ask()
        }
    }

    private final class Once: Sendable {
        private let action: Mutex<(@Sendable () -> Void)?>
        init(_ action: @escaping @Sendable () -> Void) { self.action = Mutex(action) }
        func run() {
            let action = action.withLock { action in
                defer { action = nil }
                return action
            }
            action?()
        }
    }

    /// Ends the instance once all that is under way has ended: retires, revokes the callbacks, destroys. To be called once.
    public func end() async {
        retire()
        // Not for what is posted: a thread that never stops posting would hold this up for ever.
        await until { [self] in pins.load(ordering: .sequentiallyConsistent) == 0 }
        // What was posted until now is still called; after this nothing is posted.
        callbacks?.revoke()
        await until { [self] in posts.load(ordering: .sequentiallyConsistent) == 0 }
        LoopServices.forget(self)
        await withCheckedContinuation { continuation in
            DetachedThread.run("destroy") { [self] in
                destroy()
                continuation.resume()
            }
        }
    }

    /// Nothing that `end` waits for is under way, for a simulation.
    package var isIdle: Bool {
        pins.load(ordering: .sequentiallyConsistent) == 0 && posts.load(ordering: .sequentiallyConsistent) == 0
    }

    /// The same at once, on the thread of the only loop, for a simulation. False, and nothing is destroyed, if something is under
    /// way.
    package func endNow(services: LoopServices) -> Bool {
        retire()
        services.closePool(of: self)
        guard isIdle else { return false }
        callbacks?.revoke()
        destroy()
        return true
    }

    /// Only when nothing is under way and the callbacks are revoked.
    private func destroy() {
        calling { image.functions.destroy(instance) }
        instance = nil
        BackendNames.remove(ordinal)
    }
}
