import HTTP1
import NIOCore
import NIOPosix
import NIOSSL

@testable import Upstream

/// Notes everything a call tells. On the call's loop.
final class Notes: UpstreamCallDelegate {
    private(set) var steps: [UpstreamStep] = []
    private(set) var status: Int?
    private(set) var body = ""
    /// Bytes of the body; `body` holds its beginning.
    private(set) var count = 0
    /// Of them, those that came in one turn of the loop, at most.
    private(set) var mostAtOnce = 0
    private var before = 0
    /// The names of the head's fields.
    private(set) var fields: [String] = []
    private(set) var end: UpstreamEnd?
    private let ended: (Notes) -> Void

    init(_ ended: @escaping (Notes) -> Void) { self.ended = ended }

    func upstreamStep(_ step: UpstreamStep) { steps.append(step) }
    func upstreamHead(_ head: ResponseHead, bytes: ByteBuffer) {
        status = head.status
        fields = head.fields.map {
            bytes.getString(at: bytes.readerIndex + $0.name.lowerBound, length: $0.name.count) ?? ""
        }
    }

    func upstreamBody(_ bytes: ByteBuffer) {
        count += bytes.readableBytes
        if body.utf8.count < 64 * 1024 { body += String(buffer: bytes) }
    }

    func upstreamReadComplete() {
        mostAtOnce = max(mostAtOnce, count - before)
        before = count
    }

    func upstreamEnd(_ end: UpstreamEnd) {
        self.end = end
        ended(self)
    }
}

/// How a call went.
struct Told: Sendable {
    var first: UpstreamStep
    var steps: [UpstreamStep]
    var status: Int?
    var body: String
    var end: UpstreamEnd?
    var timings: UpstreamTimings
}

/// One event loop with a pool of connections to a server on it.
struct Bench {
    let loop: any EventLoop
    let server: any Channel
    private let pool: NIOLoopBound<UpstreamPool>

    /// - Parameters:
    ///   - accepting: sets up what the server does with a connection.
    ///   - limit: of connecting.
    static func make(
        isTLS: Bool = false, limit: TimeAmount? = .hours(1), connector: any UpstreamConnector = SocketConnector(),
        accepting: @escaping @Sendable (any Channel) throws -> Void
    ) async throws -> Bench {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let server = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try accepting(channel) } }
            .bind(host: "127.0.0.1", port: 0).get()
        return try await make(loop, server, isTLS: isTLS, limit: limit, connector: connector)
    }

    private static func make(
        _ loop: any EventLoop, _ server: any Channel, isTLS: Bool, limit: TimeAmount?, connector: any UpstreamConnector
    ) async throws -> Bench {
        let port = server.localAddress?.port ?? 0
        let pool = try await loop.submit {
            let pool = UpstreamPool(
                target: UpstreamTarget(host: "127.0.0.1", port: port, isTLS: isTLS, basePath: ""), connectLimit: limit,
                loop: loop, connector: connector
            ) {
                var settings = TLSConfiguration.makeClientConfiguration()
                settings.certificateVerification = .none
                return try NIOSSLContext(configuration: settings)
            }
            return NIOLoopBound(pool, eventLoop: loop)
        }.get()
        return Bench(loop: loop, server: server, pool: pool)
    }

    var endpoint: String { "127.0.0.1:\(server.localAddress?.port ?? 0)" }

    /// Asks, and waits for the end.
    /// - Parameters:
    ///   - body: bytes of the request's body.
    ///   - started: gets the call.
    func ask(
        body: Int? = nil, started: @escaping @Sendable (UpstreamCall) -> Void = { _ in }
    ) async -> Told {
        let (loop, pool) = (loop, pool)
        return await withCheckedContinuation { continuation in
            loop.execute {
                var call: UpstreamCall?
                var first = UpstreamStep.connecting
                let notes = Notes { notes in
                    continuation.resume(
                        returning: Told(
                            first: first, steps: notes.steps, status: notes.status, body: notes.body, end: notes.end,
                            timings: call?.timings ?? UpstreamTimings()))
                    call = nil
                }
                let head = "POST / HTTP/1.1\r\ncontent-length: \(body ?? 0)\r\n\r\n"
                let begun = pool.value.start(
                    head: ByteBuffer(string: head), body: body.map { ByteBuffer(repeating: 0x20, count: $0) },
                    bodyless: false, delegate: notes)
                call = begun
                first = begun.step
                started(begun)
            }
        }
    }
}

/// Answers each request that comes whole in one read.
final class Answering: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard String(buffer: unwrapInboundIn(data)).hasPrefix("POST") else { return }
        let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: answer)), promise: nil)
    }
}

/// Answers the first request of each connection, and says something else to the second, before it closes.
final class Forgetting: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let second: String
    private var requests = 0

    init(_ second: String) { self.second = second }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        requests += 1
        let first = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"
        let answer = ByteBuffer(string: requests == 1 ? first : second)
        context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        if requests > 1 { context.close(promise: nil) }
    }
}

/// Closes each connection as soon as something comes.
final class Closing: ChannelInboundHandler, Sendable {
    typealias InboundIn = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { context.close(promise: nil) }
}

/// A network in which no connection comes about: the socket is there, and waits.
final class NoAnswer: UpstreamConnector {
    private let socket: EventLoopPromise<any Channel>

    /// - Parameter socket: gets the socket that waits.
    init(_ socket: EventLoopPromise<any Channel>) { self.socket = socket }

    func connect(
        host: String, port: Int, loop: any EventLoop, timeout: TimeAmount,
        prepare: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        let socket = socket
        // A socket of its own that is connected to nothing.
        return ClientBootstrap(group: loop).channelInitializer { channel in
            prepare(channel).flatMap {
                socket.succeed(channel)
                return channel.closeFuture
            }
        }.connect(host: host, port: port)
    }
}
