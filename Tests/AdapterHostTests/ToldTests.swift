import ABIRules
import Core
import JSON
import NIOCore
import NIOPosix
import PluginAPI
import Testing

@testable import AdapterHost

/// What ABI 1.2 tells an adapter and takes from it: deadline, headers, times (Tests/Adapters/told.c).
@Suite struct ToldTests {
    private func bench(port: Int = 1) async throws -> Bench {
        try await Bench.make(source: "told.c", apiKeys: ["sk-0123456789abcdef"], port: port)
    }

    private func field(_ name: String, _ value: String) -> HeaderField { HeaderField(name: name, value: value) }

    @Test func aRequestTellsTheHeadersOfTheClientThatMayBePassedOn() async throws {
        let result = try await bench().submit(
            "told",
            headers: [
                field("OpenAI-Project", "p1"), field("authorization", "Bearer x"), field("traceparent", "00-1"),
                field("x-stainless-os", "Linux"), field("user-agent", "client/1"),
            ])

        let told = try JSONValue.parse(result.written)["headers"]
        #expect(told == ["openai-project": "p1", "traceparent": "00-1", "user-agent": "client/1"])
    }

    @Test func ofEndlessHeadersTheFirstAreTold() async throws {
        let many = (0..<100).map { field("openai-\($0)", "v") }
        let told = try JSONValue.parse(try await bench().submit("told", headers: many).written)

        #expect(told["headers"]?.object?.members.count == ABILimits.passedHeaders)
    }

    @Test func aRequestTellsTheTimeThatIsLeft() async throws {
        let bench = try await bench()
        func left(_ deadline: NIODeadline, _ end: NIODeadline?) async throws -> Int64? {
            try JSONValue.parse(try await bench.submit("told", deadline: deadline, end: end).written)["deadline"]?.int
        }
        let hour = NIODeadline.now() + .hours(1)
        let day = NIODeadline.now() + .hours(24)
        let minutes: ClosedRange<Int64> = 3_000_000...3_600_000

        #expect(try await left(.distantFuture, nil) == 0)
        #expect(minutes.contains(try await left(hour, nil) ?? 0))
        #expect(minutes.contains(try await left(day, hour) ?? 0))
        #expect(minutes.contains(try await left(hour, day) ?? 0))
        #expect(try await left(.now() - .seconds(5), nil) == 1)
    }

    /// The server's id gets a name of its own, a secret is hidden, and what does not pass is left out.
    private static let passed = [
        HeaderField(name: "retry-after", value: "3"), HeaderField(name: "x-nexus-upstream-request-id", value: "up-1"),
        HeaderField(name: "x-ratelimit-limit-tokens", value: "[API key]"),
    ]

    @Test func anAnswerCarriesTheServersHeadersForTheClient() async throws {
        #expect(try await bench().submit("told").headers == Self.passed)
    }

    @Test func aFailureCarriesThemToo() async throws {
        let failure = try #require(try await bench().submit("fail").failure)

        #expect(failure.kind == .busy && failure.headers == Self.passed)
    }

    @Test func whatIsReadOfAnErrorIsWhatTheHeaderSays() {
        #expect(ErrorBodyLimits.bytes == ABILimits.errorBody)
        #expect(ErrorBodyLimits.time == .milliseconds(ABILimits.errorBodyMilliseconds))
    }

    // MARK: Times

    /// Answers every request with the same bytes, once its head has come.
    private final class Answering: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer
        private var head = ""

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            head += String(buffer: unwrapInboundIn(data))
            guard head.hasSuffix("\r\n\r\n") else { return }
            head = ""
            let answer = ByteBuffer(string: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }
    }

    private func times(_ bench: Bench) async throws -> (result: Int64, connected: Int64, first: Int64, reused: Bool) {
        let told = try JSONValue.parse(try await bench.submitToTheEnd("http").written)
        return (
            try #require(told["result"]?.int), try #require(told["connected"]?.int),
            try #require(told["first_byte"]?.int), told["reused"]?.bool == true
        )
    }

    @Test func theEndOfARequestTellsItsTimes() async throws {
        let server = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answering())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let bench = try await bench(port: try #require(server.localAddress?.port))

        let first = try await times(bench)
        var second = try await times(bench)
        // A machine that does other things for a minute lets a connection grow too old to be used again.
        for _ in 0..<100 where !second.reused { second = try await times(bench) }

        #expect(first.result == Int64(NEXUS_HTTP_COMPLETE) && !first.reused)
        #expect(first.connected > 0 && first.first >= first.connected)
        #expect(second.reused && second.connected > 0 && second.first >= second.connected)
        await bench.backend.end()
        try await server.close()
    }

    @Test func whatNeverConnectedHasNoTimes() async throws {
        let told = try await times(bench())

        #expect(told.result == Int64(NEXUS_HTTP_REFUSED) && told.connected == 0 && told.first == 0 && !told.reused)
    }
}

/// The header's table of states is true of the gateway.
@Suite struct StateTests {
    /// What the table is tried with: arguments that are right.
    private enum Calls {
        static func make(_ call: TaskCall, _ task: nexus_task) -> nexus_status {
            let host = HostTable.pointer.pointee
            switch call {
            case .httpStart: return http(task, flags: 0)
            case .httpStartWithExchangeBody: return http(task, flags: NEXUS_HTTP_EXCHANGE_BODY)
            case .begin:
                var head = nexus_response_head()
                head.struct_size = UInt32(MemoryLayout<nexus_response_head>.size)
                head.status = 200
                return host.exchange_begin(task, &head)
            case .write: return withBorrowed("x") { host.exchange_write(task, $0.ptr, $0.len) }
            case .finish: return host.exchange_finish(task, nil)
            case .fail:
                var failure = nexus_failure()
                failure.struct_size = UInt32(MemoryLayout<nexus_failure>.size)
                return host.exchange_fail(task, &failure)
            case .timerStart:
                var timer: nexus_timer = 0
                return host.timer_start(task, 1, { _, _, _ in }, nil, &timer)
            case .runBlocking: return host.run_blocking(task, { _ in }, { _, _, _ in }, nil)
            }
        }

        private static func http(_ task: nexus_task, flags: UInt32) -> nexus_status {
            var handlers = nexus_http_handlers(
                struct_size: UInt32(MemoryLayout<nexus_http_handlers>.size), reserved: 0, on_head: { _, _, _ in },
                on_body: { _, _, _, _ in }, on_end: { _, _, _ in })
            var handle: nexus_http = 0
            return withBorrowed("POST", "/", "") { method, path, _ in
                var request = nexus_http_request()
                request.struct_size = UInt32(MemoryLayout<nexus_http_request>.size)
                request.flags = flags
                request.method = method
                request.path = path
                return HostTable.pointer.pointee.http_start(task, &request, &handlers, nil, &handle)
            }
        }
    }

    private static let steps: [(TaskState, [TaskCall])] = [
        (.new, []), (.begun, [.begin]), (.written, [.begin, .write]), (.over, [.begin, .write, .finish]),
    ]

    @Test(arguments: TaskCall.allCases)
    func aCallOfAnExchangeReturnsWhatTheTableSays(_ call: TaskCall) async throws {
        let bench = try await Bench.make(source: "told.c")
        for (state, steps) in Self.steps {
            let status = try await bench.loop.submit { [services = bench.services, backend = bench.backend] in
                let sink = Sink(body: "{}")
                let request = SubmittedRequest(
                    kind: .chat, model: "silent", requestID: "r", path: "/v1/chat/completions", stream: true,
                    includeUsage: false, tools: false, images: false)
                guard
                    let task = backend.submit(
                        request, sink: sink, on: services.eventLoop, deadline: .distantFuture) as? AdapterTask
                else { return NEXUS_FAILED }
                defer { task.cancel() }
                return backend.calling(.submit, on: services.value) {
                    for step in steps { _ = Calls.make(step, task.handle) }
                    return Calls.make(call, task.handle)
                }
            }.get()

            #expect(status == call.status(in: state), "\(call.rawValue), \(state)")
        }
        await bench.backend.end()
    }

    @Test(arguments: TaskCall.allCases)
    func aCallOfAProbeReturnsWhatTheTableSays(_ call: TaskCall) async throws {
        let bench = try await Bench.make(source: "told.c")
        let status = try await bench.loop.submit { [services = bench.services, backend = bench.backend] in
            let services = services.value
            // The handle of the next task is not told by the adapter: a task of the same kind stands in for its probe.
            backend.pin()
            guard let task = AdapterTask(.probe, backend: backend, services: services, deadline: .distantFuture) else {
                return NEXUS_FAILED
            }
            defer { task.cancel() }
            return backend.calling(.probe, on: services) { Calls.make(call, task.handle) }
        }.get()

        #expect(status == call.status(in: .probe), "\(call.rawValue)")
    }
}
