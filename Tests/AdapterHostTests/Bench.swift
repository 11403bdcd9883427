import Core
import JSON
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Testing
import Upstream

@testable import AdapterHost

/// Keeps what an attempt writes. On the attempt's loop.
final class Sink: AttemptSink {
    let requestBody: ByteBuffer
    private(set) var written = ByteBuffer()
    private(set) var status: Int?
    private(set) var head: AttemptHead?
    private(set) var outcome: ExchangeOutcome?
    private(set) var failure: ExchangeFailure?
    /// Called when the attempt has ended.
    var ended: () -> Void = {}
    private var dispatch = Dispatch(
        Dispatch.Request(model: "m", stream: true, takesComments: true, maximumAttempts: 1), arrival: .now())

    init(body: String) {
        requestBody = ByteBuffer(string: body)
        dispatch.attemptStarted(
            at: BackendIdentity(id: "one", name: "one", url: "", backendType: "t", priority: 1), reason: .only,
            now: .now())
    }

    func attemptBegan(_ head: AttemptHead) -> Bool {
        guard dispatch.answerBegan(status: head.status) else { return false }
        status = head.status
        self.head = head
        return true
    }

    func attemptWrote(_ bytes: ByteBuffer) -> AttemptReply {
        guard dispatch.wrote(bytes.readableBytes, now: .now()) != .refuse else { return .refused }
        written.writeImmutableBuffer(bytes)
        return .taken
    }

    var attemptIsOverfull: Bool { false }

    func attemptFlush() {}

    func attemptFinished(_ outcome: ExchangeOutcome) -> AttemptReply {
        guard dispatch.finished(outcome, now: .now()) != .refuse else { return .refused }
        self.outcome = outcome
        ended()
        return .taken
    }

    func attemptFailed(_ failure: ExchangeFailure) {
        self.failure = failure
        ended()
    }
}

/// One event loop with a backend of one of the adapters in C.
struct Bench {
    let loop: any EventLoop
    let services: NIOLoopBound<LoopServices>
    let backend: AdapterBackend
    let registry: Registry

    /// - Parameters:
    ///   - source: a file of Tests/Adapters.
    ///   - adapter: the file to load instead.
    ///   - port: of the server, on this machine.
    static func make(
        name: String = "one", source: String = "echo.c", options: String = "{}", apiKeys: [String] = [],
        port: Int = 1, adapter: String? = nil
    ) async throws -> Bench {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        // One set of services a thread: the loops of the singleton are shared by all tests, each with its own tag.
        let services = try await loop.submit {
            if let services = LoopServices.current { return NIOLoopBound(services, eventLoop: loop) }
            let services = LoopServices(loop: loop) {
                try NIOSSLContext(configuration: .makeClientConfiguration())
            }
            services.bindToThread()
            return NIOLoopBound(services, eventLoop: loop)
        }.get()
        let registry = Registry(failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster()) { _ in }
        let image = try AdapterImage(path: adapter ?? TestAdapter.build(source, in: TestAdapter.directory()))
        let identity = BackendIdentity(
            id: name, name: name, url: "http://127.0.0.1:1", backendType: "echo", priority: 1)
        let backend = try AdapterBackend(
            identity: identity, image: image,
            target: UpstreamTarget(host: "127.0.0.1", port: port, isTLS: false, basePath: ""),
            apiKeys: apiKeys, options: options, registry: registry, logger: Logger(label: "test"))
        #expect(registry.add(identity, driver: backend))
        return Bench(loop: loop, services: services, backend: backend, registry: registry)
    }

    struct Result: Sendable {
        var written: String
        var status: Int?
        var outcome: ExchangeOutcome?
        var failure: ExchangeFailure?
        var left: Int
        var headers: [HeaderField]
        var warning: String

        init(_ sink: Sink, left: Int) {
            written = String(buffer: sink.written)
            status = sink.status
            outcome = sink.outcome
            failure = sink.failure
            headers = sink.head?.headers ?? []
            warning = sink.head?.warning ?? ""
            self.left = left
        }
    }

    /// Begins a probe and waits for its end.
    func probe() async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            loop.execute { [services, backend] in
                backend.probe(on: services.eventLoop, timeout: .seconds(60)) { done.resume() }
            }
        }
    }

    private func request(_ model: String, stream: Bool = false) -> SubmittedRequest {
        SubmittedRequest(
            kind: .chat, model: model, requestID: "r1", path: "/v1/chat/completions", stream: stream,
            includeUsage: false, tools: false, images: false)
    }

    /// What an attempt has led to when `submit` has returned.
    /// - Parameters:
    ///   - deadline: of the attempt.
    ///   - end: of the exchange.
    func submit(
        _ model: String, stream: Bool = false, headers: [HeaderField] = [],
        deadline: NIODeadline = .now() + .seconds(60), end: NIODeadline? = nil
    ) async throws -> Result {
        try await loop.submit { [services, backend] in
            let sink = Sink(body: #"{"model":"\#(model)"}"#)
            var request = request(model, stream: stream)
            request.headers = headers
            request.deadline = end
            _ = backend.submit(request, sink: sink, on: services.eventLoop, deadline: deadline)
            return Result(sink, left: backend.taskCount)
        }.get()
    }

    /// What an attempt has led to when it has ended.
    func submitToTheEnd(_ model: String) async throws -> Result {
        await withCheckedContinuation { (done: CheckedContinuation<Result, Never>) in
            loop.execute { [services, backend] in
                let sink = Sink(body: #"{"model":"\#(model)"}"#)
                sink.ended = { [unowned sink] in done.resume(returning: Result(sink, left: backend.taskCount)) }
                _ = backend.submit(
                    request(model), sink: sink, on: services.eventLoop, deadline: .now() + .seconds(60))
            }
        }
    }
}
