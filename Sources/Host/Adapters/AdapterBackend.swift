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
/// Invariant behind the unchecked Sendable: `instance` is set once, in `init`, and the adapter promises to take
/// calls for different tasks on different threads.
public final class AdapterBackend: BackendDriver, @unchecked Sendable {
    public let identity: BackendIdentity
    public let image: AdapterImage
    let target: UpstreamTarget
    /// Unique over the life of the process.
    let ordinal: Int
    private(set) var instance: UnsafeMutableRawPointer?
    private var callbacks: BoundCallbacks?
    private let reports: AdapterReports
    private let liveTasks = Atomic<Int>(0)
    private let probing = Atomic<Bool>(false)

    private static let nextOrdinal = Atomic<Int>(0)

    /// Creates the adapter's instance. To be called on a thread that may block for a short time.
    /// - Parameters:
    ///   - options: a JSON object, checked against the adapter's schema.
    ///   - loop: where probes run.
    public init(
        identity: BackendIdentity, image: AdapterImage, target: UpstreamTarget, apiKey: String, options: String,
        registry: Registry, logger: Logger
    ) throws(CreateFailure) {
        self.identity = identity
        self.image = image
        self.target = target
        ordinal = Self.nextOrdinal.add(1, ordering: .relaxed).newValue
        reports = AdapterReports(id: identity.id, registry: registry, logger: logger)
        guard let callbacks = BoundCallbacks(receiver: reports) else {
            throw CreateFailure(message: "libffi has no memory for callbacks")
        }
        self.callbacks = callbacks
        instance = try Self.create(
            image, callbacks, name: identity.name, url: identity.url, apiKey: apiKey, options: options)
        reports.onHealth = { [weak self] in self?.healthReported() }
    }

    /// The adapter did not make an instance; its own words.
    public struct CreateFailure: Error, Sendable {
        public let message: String
        public init(message: String) { self.message = message }
    }

    private static func create(
        _ image: AdapterImage, _ callbacks: BoundCallbacks, name: String, url: String, apiKey: String, options: String
    ) throws(CreateFailure) -> UnsafeMutableRawPointer {
        var message = MessageBuffer()
        var instance: UnsafeMutableRawPointer?
        let status = withBorrowed(name) { name in
            withBorrowed(url) { url in
                withBorrowed(apiKey) { apiKey in
                    withBorrowed(options) { options in
                        var config = nexus_backend_config(
                            struct_size: UInt32(MemoryLayout<nexus_backend_config>.size), reserved: 0, name: name,
                            url: url, api_key: apiKey, options: options)
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

    // MARK: Exchanges

    public func supports(_ kind: RequestKind) -> Bool { image.kinds & kind.bit != 0 }

    /// Begins an attempt on the calling loop. The events reach `sink`, perhaps already inside this call. Nil if the
    /// attempt could not be started at all; nothing reaches the sink then.
    public func submit(
        _ request: SubmittedRequest, sink: any AttemptSink, services: LoopServices, deadline: NIODeadline
    ) -> AdapterTask? {
        liveTasks.add(1, ordering: .relaxed)
        guard let task = AdapterTask(.exchange(sink), backend: self, services: services, deadline: deadline) else {
            liveTasks.subtract(1, ordering: .relaxed)
            return nil
        }
        let body = sink.requestBody
        let status = body.withUnsafeReadableBytes { body in
            withBorrowed(request.model) { model in
                withBorrowed(request.requestID) { requestID in
                    var crossing = nexus_request(
                        struct_size: UInt32(MemoryLayout<nexus_request>.size), kind: request.kind.bit,
                        flags: request.flags, reserved: 0, model: model,
                        body: nexus_str(
                            ptr: body.assumingMemoryBound(to: CChar.self).baseAddress, len: body.count),
                        request_id: requestID)
                    return image.functions.submit(instance, task.handle, &crossing)
                }
            }
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

    func taskEnded() { liveTasks.subtract(1, ordering: .relaxed) }

    // MARK: Probes

    /// Begins a probe on the calling loop, unless one is under way. `ended` is called once on that loop.
    public func probe(services: LoopServices, timeout: TimeAmount, ended: @escaping () -> Void) {
        guard probing.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else {
            ended()
            return
        }
        liveTasks.add(1, ordering: .relaxed)
        guard let task = AdapterTask(.probe, backend: self, services: services, deadline: .now() + timeout) else {
            liveTasks.subtract(1, ordering: .relaxed)
            probing.store(false, ordering: .relaxed)
            ended()
            return
        }
        let bound = NIOLoopBound((task, ended), eventLoop: services.loop)
        let loop = services.loop
        reports.beginProbe {
            // Reports come from any thread; the task ends on its own loop.
            loop.execute {
                let (task, ended) = bound.value
                if task.isLive { task.endedByAdapter() }
                task.backend.probing.store(false, ordering: .relaxed)
                ended()
            }
        }
        image.functions.probe(instance, task.handle)
    }

    private func healthReported() { reports.endProbe() }

    /// The host ends a probe in the adapter's place, unless the adapter has just done so itself.
    func probeExpired(_ message: String) {
        if reports.isProbing { reports.received(HealthReport(outcome: .unhealthy, message: message)) }
    }

    // MARK: The end

    /// Exchanges and probes under way.
    public var taskCount: Int { liveTasks.load(ordering: .relaxed) }

    /// Closes what one loop has open to the server. On that loop.
    public func closeConnections(services: LoopServices) { services.closePool(of: self) }

    /// Ends the instance: revokes the callbacks, then destroys. To be called once, when no task is left, on a thread that
    /// may block for a short time.
    public func destroy() {
        callbacks?.revoke()
        image.functions.destroy(instance)
        instance = nil
    }
}
