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
    private(set) var outcome: ExchangeOutcome?
    private(set) var failure: ExchangeFailure?
    private var dispatch = Dispatch(
        Dispatch.Request(model: "m", stream: true, takesComments: true, maximumAttempts: 1), arrival: .now())

    init(body: String) {
        requestBody = ByteBuffer(string: body)
        dispatch.attemptStarted(
            at: BackendIdentity(id: "one", name: "one", url: "", backendType: "t", priority: 1), reason: "",
            now: .now())
    }

    func attemptBegan(_ head: AttemptHead) -> Bool {
        guard dispatch.answerBegan(status: head.status) else { return false }
        status = head.status
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
        return .taken
    }

    func attemptFailed(_ failure: ExchangeFailure) { self.failure = failure }
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
    static func make(
        name: String = "one", source: String = "echo.c", options: String = "{}", adapter: String? = nil
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
            target: UpstreamTarget(host: "127.0.0.1", port: 1, isTLS: false, basePath: ""),
            apiKeys: [], options: options, registry: registry, logger: Logger(label: "test"))
        #expect(registry.add(identity, driver: backend))
        return Bench(loop: loop, services: services, backend: backend, registry: registry)
    }

    struct Result: Sendable {
        var written: String
        var status: Int?
        var outcome: ExchangeOutcome?
        var failure: ExchangeFailure?
        var left: Int
    }

    /// Begins a probe and waits for its end.
    func probe() async {
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            loop.execute { [services, backend] in
                backend.probe(on: services.eventLoop, timeout: .seconds(60)) { done.resume() }
            }
        }
    }

    func submit(_ model: String, stream: Bool = false) async throws -> Result {
        try await loop.submit { [services, backend] in
            let sink = Sink(body: #"{"model":"\#(model)"}"#)
            let request = SubmittedRequest(
                kind: .chat, model: model, requestID: "r1", path: "/v1/chat/completions", stream: stream,
                includeUsage: false, tools: false,
                images: false)
            _ = backend.submit(request, sink: sink, on: services.eventLoop, deadline: .now() + .seconds(60))
            return Result(
                written: String(buffer: sink.written), status: sink.status, outcome: sink.outcome,
                failure: sink.failure, left: backend.taskCount)
        }.get()
    }
}
