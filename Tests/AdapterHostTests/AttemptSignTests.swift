import Core
import NIOCore
import NIOPosix
import NIOSSL
import PluginAPI
import Testing
import Upstream

@testable import AdapterHost

/// What is seen of an exchange's requests on their way.
@Suite struct AttemptSignTests {
    private static func server(answers: String) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Answering(answers))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    /// Sends requests one after another for one task, and waits for the end of each.
    private func signs(of answer: String, requests: Int = 1) async throws -> [AttemptSign] {
        let bench = try await Bench.make()
        let server = try await Self.server(answers: answer)
        let target = UpstreamTarget(host: "127.0.0.1", port: server.localAddress?.port ?? 0, isTLS: false, basePath: "")
        let made = try await bench.loop.submit { [services = bench.services, backend = bench.backend] in
            let scene = try #require(Scene(backend, services.value, target))
            return NIOLoopBound(scene, eventLoop: services.eventLoop)
        }.get()
        for _ in 0..<requests {
            await withCheckedContinuation { continuation in
                bench.loop.execute { made.value.start { continuation.resume() } }
            }
        }
        return try await bench.loop.submit {
            made.value.task.cancel()
            return made.value.sink.signs
        }.get()
    }

    @Test func aRequestIsSeenOnItsWholeWay() async throws {
        let signs = try await signs(of: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")

        #expect(signs == [.connecting, .connected, .requestWritten, .head(status: 200), .piece])
    }

    @Test func aKeptConnectionIsThereAtOnce() async throws {
        let signs = try await signs(of: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi", requests: 2)

        #expect(signs.dropFirst(5) == [.connected, .requestWritten, .head(status: 200), .piece])
    }

    @Test func anErrorAnswerBeyondItsBoundEndsAsACompleteOne() async throws {
        // Its end never comes.
        let endless = "HTTP/1.1 500 X\r\ncontent-length: 1000000\r\n\r\n" + String(repeating: "x", count: 70_000)
        let signs = try await signs(of: endless)

        #expect(signs.starts(with: [.connecting, .connected, .requestWritten, .head(status: 500), .piece]))
    }

    /// A task of an exchange, and connections to a server. On one loop.
    private final class Scene {
        let sink = Noting()
        let task: AdapterTask
        private let pool: UpstreamPool

        init?(_ backend: AdapterBackend, _ services: LoopServices, _ target: UpstreamTarget) {
            backend.pin()
            guard
                let task = AdapterTask(.exchange(sink), backend: backend, services: services, deadline: .distantFuture)
            else { return nil }
            self.task = task
            pool = UpstreamPool(target: target, loop: services.loop) {
                try NIOSSLContext(configuration: .makeClientConfiguration())
            }
        }

        func start(ended: @escaping () -> Void) {
            let handlers = nexus_http_handlers(
                struct_size: UInt32(MemoryLayout<nexus_http_handlers>.size), reserved: 0, on_head: { _, _, _ in },
                on_body: { _, _, _, _ in },
                on_end: { user, _, end in
                    guard let user else { return }
                    let ended = Unmanaged<Ended>.fromOpaque(user).takeRetainedValue()
                    #expect(end?.pointee.result == NEXUS_HTTP_COMPLETE)
                    ended.action()
                })
            let user = Unmanaged.passRetained(Ended(ended)).toOpaque()
            let request = AdapterRequest(task: task, handlers: handlers, user: user, deadline: .distantFuture)
            #expect(request.register())
            request.call = pool.start(
                head: ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"), body: nil, bodyless: false, delegate: request)
            request.begun()
        }
    }

    private final class Ended {
        let action: () -> Void
        init(_ action: @escaping () -> Void) { self.action = action }
    }

    private final class Noting: AttemptSink {
        private(set) var signs: [AttemptSign] = []
        let requestBody = ByteBuffer()
        let attemptIsOverfull = false

        func attemptSaw(_ sign: AttemptSign) { signs.append(sign) }
        func attemptBegan(_ head: AttemptHead) -> Bool { true }
        func attemptWrote(_ bytes: ByteBuffer) -> AttemptReply { .taken }
        func attemptFlush() {}
        func attemptFinished(_ outcome: ExchangeOutcome) -> AttemptReply { .taken }
        func attemptFailed(_ failure: ExchangeFailure) {}
    }

    private final class Answering: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let text: String
        init(_ text: String) { self.text = text }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
        }
    }
}
