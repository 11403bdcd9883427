import NIOCore
import NIOEmbedded
import NIOSSL
import NIOTLS
import Testing

@testable import Upstream

/// On a clock that the test moves, without sockets.
@Suite struct ConnectLimitTests {
    /// A call for which a connection is being made, within 5 s if no other limit is given.
    private final class Scene {
        let loop = EmbeddedEventLoop()
        let channel: EmbeddedChannel
        let connection: UpstreamConnection
        let connecting: Connecting
        let call: UpstreamCall
        let notes = Notes { _ in }

        init(isTLS: Bool = true, limit: TimeAmount? = .seconds(5)) throws {
            let target = UpstreamTarget(host: "10.0.0.2", port: 443, isTLS: isTLS, basePath: "")
            let pool = UpstreamPool(target: target, loop: loop) {
                try NIOSSLContext(configuration: .makeClientConfiguration())
            }
            connection = UpstreamConnection(pool: pool, isTLS: isTLS)
            channel = EmbeddedChannel(handler: connection, loop: loop)
            call = UpstreamCall(
                head: ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"), body: nil, bodyless: false,
                authority: target.authority, delegate: notes, loop: loop)
            call.isStarting = false
            connecting = Connecting(call, target: target, limit: limit, loop: loop)
            connecting.begin()
        }

        /// TCP is there.
        func connect() throws {
            try channel.connect(to: SocketAddress(ipAddress: "10.0.0.2", port: 443)).wait()
            connecting.made(connection)
        }

        func endHandshake() {
            channel.pipeline.fireUserInboundEventTriggered(TLSUserEvent.handshakeCompleted(negotiatedProtocol: nil))
        }
    }

    private func timedOut(_ what: String) -> UpstreamEnd {
        .connectTimedOut("no connection within 5 s (\(what) 10.0.0.2:443)")
    }

    @Test func tcpAndTLSHaveOneLimitTogether() throws {
        let scene = try Scene()
        scene.loop.advanceTime(by: .seconds(3))
        try scene.connect()
        scene.loop.advanceTime(by: .milliseconds(1999))
        #expect(scene.notes.end == nil)
        scene.loop.advanceTime(by: .milliseconds(1))

        #expect(scene.notes.end == timedOut("TLS handshake with"))
        #expect(!scene.channel.isActive && !scene.call.isLive)
    }

    @Test func whatConnectsTooLateIsClosed() throws {
        let scene = try Scene()
        scene.loop.advanceTime(by: .seconds(5))
        #expect(scene.notes.end == timedOut("TCP connection to"))
        try scene.connect()

        #expect(!scene.channel.isActive)
        #expect(try scene.channel.readOutbound(as: ByteBuffer.self) == nil)
    }

    @Test func theRequestGoesOutWhenTheHandshakeIsDone() throws {
        let scene = try Scene()
        try scene.connect()
        #expect(try scene.channel.readOutbound(as: ByteBuffer.self) == nil)
        scene.loop.advanceTime(by: .seconds(2))
        scene.endHandshake()

        #expect(try scene.channel.readOutbound(as: ByteBuffer.self) != nil)
        #expect(scene.notes.steps == [.connecting, .handshaking, .connected, .written])
        #expect(scene.call.timings.connected == 2_000_000_000)
    }

    @Test(arguments: [true, false]) func aConnectionThatIsThereIsUnderNoLimitAnyMore(isTLS: Bool) throws {
        let scene = try Scene(isTLS: isTLS)
        try scene.connect()
        if isTLS { scene.endHandshake() }
        scene.loop.advanceTime(by: .hours(1))
        #expect(scene.notes.end == nil && scene.call.timings.firstByte == nil)
        try scene.channel.writeInbound(ByteBuffer(string: "HTTP/1.1 204 No\r\n\r\n"))

        #expect(scene.notes.end == .complete && scene.call.timings.firstByte == 3_600_000_000_000)
    }

    @Test(arguments: [5, nil] as [Int64?]) func aHeadThatHasNoEndIsWaitedForAsLongAsForAConnection(limit: Int64?) throws
    {
        let scene = try Scene(isTLS: false, limit: limit.map { .seconds($0) })
        try scene.connect()
        scene.loop.advanceTime(by: .hours(1))
        try scene.channel.writeInbound(ByteBuffer(string: "HTTP/1.1 200 OK\r\n"))
        for _ in 0..<4 {
            scene.loop.advanceTime(by: .seconds(1))
            try scene.channel.writeInbound(ByteBuffer(string: "x: y\r\n"))
        }
        #expect(scene.notes.end == nil)
        scene.loop.advanceTime(by: .seconds(1))

        let words = "10.0.0.2:443: it began to answer, and its head had no end within 5 s"
        #expect(scene.notes.end == .timedOut(words) && !scene.channel.isActive)
    }

    @Test func anAnswerIsUnderNoLimitOnceItsHeadIsThere() throws {
        let scene = try Scene(isTLS: false)
        try scene.connect()
        try scene.channel.writeInbound(ByteBuffer(string: "HTTP/1.1 200 OK\r\ncontent-"))
        scene.loop.advanceTime(by: .seconds(4))
        try scene.channel.writeInbound(ByteBuffer(string: "length: 2\r\n\r\n"))
        scene.loop.advanceTime(by: .hours(1))
        #expect(scene.notes.end == nil && scene.notes.status == 200)
    }

    @Test func aHeadWithBareLineFeedsFailsAtOnce() throws {
        let scene = try Scene(isTLS: false)
        try scene.connect()
        try scene.channel.writeInbound(ByteBuffer(string: "HTTP/1.1 200 OK\ncontent-length: 2\n\nhi"))
        guard case .garbage = scene.notes.end else {
            Issue.record("\(String(describing: scene.notes.end))")
            return
        }
    }

    @Test func withoutALimitAnyTimeIsTaken() throws {
        let scene = try Scene(limit: nil)
        try scene.connect()
        scene.loop.advanceTime(by: .hours(24))

        #expect(scene.notes.end == nil)
    }

    @Test func anErrorDuringTheHandshakeIsARefusal() throws {
        let scene = try Scene()
        try scene.connect()
        scene.channel.pipeline.fireErrorCaught(IOError(errnoCode: 104, reason: "read"))

        #expect(scene.notes.end == .refused("10.0.0.2: the connection was reset during the TLS handshake"))
    }

    @Test func aCallThatEndsWhileItsHandshakeRunsClosesTheConnection() throws {
        let scene = try Scene()
        try scene.connect()
        scene.call.cancel()
        #expect(!scene.channel.isActive && scene.notes.end == nil)
        scene.loop.run()

        #expect(scene.notes.end == .cancelled)
    }

    @Test func theLimitOfACallThatHasEndedIsOver() throws {
        let scene = try Scene()
        scene.call.endNow(.timedOut("other"))
        scene.loop.advanceTime(by: .hours(1))

        #expect(scene.notes.end == .timedOut("other"))
    }
}
