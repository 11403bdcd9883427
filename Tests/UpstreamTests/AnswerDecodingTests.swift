import Compression
import HTTP1
import NIOCore
import NIOEmbedded
import NIOSSL
import Testing

@testable import Upstream

/// Answers that are compressed though nobody asked for that, without sockets.
@Suite struct AnswerDecodingTests {
    /// A connection that has sent its request.
    private final class Scene {
        let loop = EmbeddedEventLoop()
        let channel: EmbeddedChannel
        let call: UpstreamCall
        let notes: Notes

        init(_ ended: @escaping (Notes) -> Void = { _ in }) throws {
            let target = UpstreamTarget(host: "10.0.0.2", port: 80, isTLS: false, basePath: "")
            let pool = UpstreamPool(target: target, loop: loop) {
                try NIOSSLContext(configuration: .makeClientConfiguration())
            }
            let connection = UpstreamConnection(pool: pool, isTLS: false)
            channel = EmbeddedChannel(handler: connection, loop: loop)
            channel.allowOptionsWhenClosed = true
            notes = Notes(ended)
            call = UpstreamCall(
                head: ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"), body: nil, bodyless: false,
                authority: target.authority,
                delegate: notes, loop: loop)
            call.isStarting = false
            try channel.connect(to: SocketAddress(ipAddress: "10.0.0.2", port: 80)).wait()
            connection.run(call)
        }

        /// The server's answer, with so many bytes.
        func answer(_ fields: String, _ body: [UInt8]) throws {
            try send(Array("HTTP/1.1 200 OK\r\n\(fields)content-length: \(body.count)\r\n\r\n".utf8) + body)
        }

        func send(_ bytes: [UInt8]) throws { try channel.writeInbound(ByteBuffer(bytes: bytes)) }
        func send(chunk: [UInt8]) throws {
            try send(Array((String(chunk.count, radix: 16) + "\r\n").utf8) + chunk + [0x0D, 0x0A])
        }
    }

    private static let hello = Array(#"{"hello":"hello, hello"}"#.utf8)
    /// A block that is stored (RFC 1951, section 3.2.4), of which a stream may have many.
    private static func stored(_ text: [UInt8], isLast: Bool) -> [UInt8] {
        let count = UInt16(text.count)
        return [isLast ? 1 : 0, UInt8(count & 0xFF), UInt8(count >> 8), UInt8(~count & 0xFF), UInt8(~count >> 8)] + text
    }
    /// As "deflate" without any wrapping.
    private static let deflated = stored(hello, isLast: true)

    @Test(arguments: ["deflate", "Deflate", "identity, deflate"]) func aWholeAnswerIsDecoded(_ coding: String) throws {
        let scene = try Scene()
        try scene.answer("content-type: application/json\r\nContent-Encoding: \(coding)\r\n", Self.deflated)

        #expect(scene.notes.body == String(decoding: Self.hello, as: UTF8.self) && scene.notes.end == .complete)
        // What the body was is not said of what it is now.
        #expect(scene.notes.fields == ["content-type"])
    }

    @Test func whatIsNotCompressedKeepsItsFields() throws {
        let scene = try Scene()
        try scene.answer("content-encoding: identity\r\n", Self.hello)
        #expect(scene.notes.fields == ["content-encoding", "content-length"] && scene.notes.end == .complete)
    }

    @Test func anEventIsThereAsSoonAsItsBytesAre() throws {
        let scene = try Scene()
        try scene.send(
            Array("HTTP/1.1 200 OK\r\ncontent-encoding: deflate\r\ntransfer-encoding: chunked\r\n\r\n".utf8))
        var expected = ""
        for index in 0..<3 {
            try scene.send(chunk: Self.stored(Array("data: \(index)\n\n".utf8), isLast: false))
            expected += "data: \(index)\n\n"
            #expect(scene.notes.body == expected)
        }
        try scene.send(chunk: Self.stored([], isLast: true))
        try scene.send(Array("0\r\n\r\n".utf8))
        #expect(scene.notes.body == expected && scene.notes.end == .complete && scene.channel.isActive)
    }

    @Test func brokenBytesEndTheCallInTrueWords() throws {
        let scene = try Scene()
        try scene.answer("content-encoding: gzip\r\n", Self.hello)
        scene.loop.run()
        #expect(scene.notes.end == .garbage("10.0.0.2: its answer is not valid gzip") && !scene.channel.isActive)
    }

    @Test func anAnswerThatEndsTooEarlyIsNotComplete() throws {
        let scene = try Scene()
        try scene.answer("content-encoding: deflate\r\n", Self.deflated.dropLast())
        scene.loop.run()
        #expect(scene.notes.end == .garbage("10.0.0.2: its answer ends in the middle of its deflate"))
    }

    @Test func aCodingThatIsNotKnownIsNamed() throws {
        let scene = try Scene()
        try scene.answer("content-encoding: snappy\r\n", Self.hello)
        scene.loop.run()
        guard case .garbage(let words) = scene.notes.end else {
            Issue.record("\(String(describing: scene.notes.end))")
            return
        }
        #expect(words.contains("'snappy'") && scene.notes.status == nil && scene.notes.body == "")
    }

    /// Zeros in zstd, 128 KiB for 4 bytes (RFC 8878, section 3.1.1.2.2).
    private static func zeros(blocks: Int) -> [UInt8] {
        var bytes: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x50]
        for index in 1...blocks {
            let header = (index == blocks ? 1 : 0) | 1 << 1 | (128 * 1024) << 3
            bytes += [UInt8(header & 0xFF), UInt8(header >> 8 & 0xFF), UInt8(header >> 16), 0]
        }
        return bytes
    }

    @Test func whatBecomesLargeIsDecodedInTurns() throws {
        let scene = try Scene()
        try scene.answer("content-encoding: zstd\r\n", Self.zeros(blocks: 16))
        scene.loop.run()
        #expect(scene.notes.mostAtOnce < AnswerDecoding.Limits.turn + AnswerDecoding.Limits.piece)
        #expect(scene.notes.count == 16 * 128 * 1024 && scene.notes.end == .complete)
    }

    @Test func aPausedCallDecodesNothing() throws {
        let scene = try Scene()
        scene.call.setPaused(true)
        try scene.answer("content-encoding: zstd\r\n", Self.zeros(blocks: 16))
        scene.loop.run()
        #expect(scene.notes.count == 0 && scene.notes.end == nil)
        scene.call.setPaused(false)
        scene.loop.run()
        #expect(scene.notes.count == 16 * 128 * 1024 && scene.notes.end == .complete)
    }

    @Test func aBombIsNoAnswer() throws {
        let scene = try Scene()
        try scene.answer("content-encoding: zstd\r\n", Self.zeros(blocks: 2000))
        scene.loop.run()
        #expect(scene.notes.end == .garbage("10.0.0.2: its answer comes to more than 250 times what was sent"))
        #expect(scene.notes.count < AnswerDecoding.Limits.free + AnswerDecoding.Limits.turn)
    }

    @Test func aCallThatIsCancelledGetsNothingMore() throws {
        let scene = try Scene()
        scene.call.setPaused(true)
        try scene.answer("content-encoding: zstd\r\n", Self.zeros(blocks: 16))
        scene.call.setPaused(false)
        scene.call.cancel()
        scene.loop.run()
        #expect(scene.notes.count == 0 && scene.notes.end == .cancelled)
    }

    // MARK: Byte order marks

    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

    @Test(arguments: ["", "content-type: application/json\r\n", "content-type: text/event-stream\r\n"])
    func aMarkBeforeATextIsPassedOver(_ fields: String) throws {
        let scene = try Scene()
        try scene.answer(fields, Self.mark + Self.hello)
        #expect(scene.notes.count == Self.hello.count && scene.notes.end == .complete)
    }

    @Test func aMarkInsideACodingIsPassedOver() throws {
        let scene = try Scene()
        try scene.answer("content-encoding: deflate\r\n", Self.stored(Self.mark + Self.hello, isLast: true))
        #expect(scene.notes.count == Self.hello.count)
    }

    @Test(arguments: ["audio/wav", "image/png", "Application/Octet-Stream", "video/mp4"])
    func whatIsNoTextIsLeftAsItIs(_ type: String) throws {
        let scene = try Scene()
        try scene.answer("content-type: \(type)\r\n", Self.mark + [1])
        #expect(scene.notes.count == 4)
    }

    @Test func bytesThatBeganLikeAMarkAreNotLost() throws {
        let scene = try Scene()
        try scene.send(Array("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n".utf8) + [0xEF])
        #expect(scene.notes.count == 0)
        try scene.send([0xBB])
        #expect(scene.notes.count == 2 && scene.notes.end == .complete)
    }
}
