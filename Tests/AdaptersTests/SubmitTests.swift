import Core
import JSON
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Testing
import Upstream

@testable import Adapters

/// Keeps what an attempt writes. On the attempt's loop.
final class Sink: AttemptSink {
    let requestBody: ByteBuffer
    private(set) var written = ByteBuffer()
    private(set) var status: Int?
    private(set) var outcome: ExchangeOutcome?
    private(set) var failure: ExchangeFailure?
    private var machine = ExchangeMachine(stream: true, maximumAttempts: 1)

    init(body: String) {
        requestBody = ByteBuffer(string: body)
        machine.attemptStarted()
    }

    func attemptBegan(status: Int, contentType: AnswerType?) -> Bool {
        guard machine.begin() else { return false }
        self.status = status
        return true
    }

    func attemptWrote(_ bytes: ByteBuffer) -> Bool {
        guard machine.write(count: bytes.readableBytes) != .refuse else { return false }
        written.writeImmutableBuffer(bytes)
        return true
    }

    func attemptFlush() {}

    func attemptFinished(_ outcome: ExchangeOutcome) -> Bool {
        guard machine.finish() != .refuse else { return false }
        self.outcome = outcome
        return true
    }

    func attemptFailed(_ failure: ExchangeFailure) { self.failure = failure }
}

/// One event loop with a backend of an adapter that has the echo adapter's type.
struct Bench {
    let loop: any EventLoop
    let services: NIOLoopBound<LoopServices>
    let backend: AdapterBackend
    let registry: Registry

    /// - Parameter adapter: the file; nil: the echo adapter of today.
    static func make(name: String = "one", adapter: String? = nil) async throws -> Bench {
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
        let image = try AdapterImage(path: adapter ?? TestAdapter.echo(in: TestAdapter.directory()))
        let identity = BackendIdentity(
            id: name, name: name, url: "http://127.0.0.1:1", backendType: "echo", priority: 1)
        let backend = try AdapterBackend(
            identity: identity, image: image,
            target: UpstreamTarget(host: "127.0.0.1", port: 1, isTLS: false, basePath: ""),
            apiKey: "", options: "{}", registry: registry, logger: Logger(label: "test"))
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

    func submit(_ model: String, stream: Bool = false) async throws -> Result {
        try await loop.submit { [services, backend] in
            let sink = Sink(body: #"{"model":"\#(model)"}"#)
            let request = SubmittedRequest(
                kind: .chat, model: model, requestID: "r1", stream: stream, includeUsage: false, tools: false,
                images: false)
            _ = backend.submit(request, sink: sink, services: services.value, deadline: .now() + .seconds(60))
            return Result(
                written: String(buffer: sink.written), status: sink.status, outcome: sink.outcome,
                failure: sink.failure, left: backend.taskCount)
        }.get()
    }
}

@Suite struct SubmitTests {
    @Test func anExchangeIsAnsweredThroughTheABI() async throws {
        let result = try await Bench.make().submit("echo")

        #expect(result.status == 200 && result.written.contains(#""request":{"model":"echo"}"#))
        #expect(result.outcome == ExchangeOutcome(promptTokens: 3, completionTokens: 5, cachedTokens: nil))
        #expect(result.left == 0)
    }

    @Test func aFailureArrivesWithItsKind() async throws {
        let result = try await Bench.make().submit("fail-busy")

        #expect(result.failure?.kind == .busy && result.failure?.status == 429)
        #expect(result.failure?.message == "the echo adapter fails as it was asked to")
        #expect(result.left == 0)
    }

    @Test func anAdapterThatDoesNotTakeTheRequestFailsTheAttempt() async throws {
        let result = try await Bench.make().submit("refuse")

        #expect(result.failure?.kind == .unsupported && result.left == 0)
    }

    @Test func everyWrongCallIsAnsweredWithTheStatusTheHeaderPromises() async throws {
        let result = try await Bench.make().submit("misuse")
        let statuses = try JSONValue.parse(result.written)

        let expected: [(String, Int64)] = [
            ("other_thread", -3), ("write_before_begin", -4), ("finish_before_begin", -4), ("begin_with_500", -1),
            ("begin_null", -1), ("forged_handle", -2), ("zero_handle", -2), ("http_start_null", -1),
            ("http_start_without_handlers", -1), ("http_cancel_forged", -2), ("begin", 0), ("begin_twice", -4),
            ("write_null", -1), ("write_too_large", -5), ("fail_null", -1), ("unknown_extension", 0),
        ]
        for (what, status) in expected { #expect(statuses[what]?.int == status, "\(what)") }
        #expect(statuses.object?.members.count == expected.count)
        #expect(result.outcome != nil)
    }

    @Test func aCancelledExchangeLeavesNothingBehind() async throws {
        let bench = try await Bench.make()
        let left = try await bench.loop.submit { [services = bench.services, backend = bench.backend] in
            let sink = Sink(body: "{}")
            let request = SubmittedRequest(
                kind: .chat, model: "silent", requestID: "r", stream: false, includeUsage: false, tools: false,
                images: false)
            let task = backend.submit(request, sink: sink, services: services.value, deadline: .distantFuture)
            let during = backend.taskCount
            task?.cancel()
            return (during, backend.taskCount, sink.failure == nil && sink.outcome == nil)
        }.get()

        #expect(left == (1, 0, true))
    }

    @Test func aDeadlineEndsAnAttemptThatNobodyAnswers() async throws {
        let bench = try await Bench.make()
        let ended = try await bench.loop.submit { [services = bench.services, backend = bench.backend] in
            let sink = Sink(body: "{}")
            let request = SubmittedRequest(
                kind: .chat, model: "silent", requestID: "r", stream: false, includeUsage: false, tools: false,
                images: false)
            let task = backend.submit(request, sink: sink, services: services.value, deadline: .now())
            task?.expire()
            return (sink.failure?.kind, backend.taskCount)
        }.get()

        #expect(ended == (.timeout, 0))
    }

    @Test func aProbeReportsModelsAndHealth() async throws {
        let bench = try await Bench.make()
        await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
            bench.loop.execute {
                bench.backend.probe(services: bench.services.value, timeout: .seconds(60)) { done.resume() }
            }
        }

        let view = try #require(bench.registry.views.first)
        #expect(view.status == .healthy && view.metadata["server"] == "echo 1.0")
        #expect(view.models.map(\.id).contains("echo") && view.models.allSatisfy { $0.contextLength == 4096 })
        #expect(bench.backend.taskCount == 0)
    }

    @Test func aRefusedConfigurationGivesTheAdaptersWords() async throws {
        await #expect(throws: AdapterBackend.CreateFailure.self) { _ = try await Bench.make(name: "refused") }
    }
}
