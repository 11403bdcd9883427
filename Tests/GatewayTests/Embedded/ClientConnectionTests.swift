import Core
import NIOCore
import NIOTLS
import Testing

@testable import Gateway

/// What a connection does with bytes, without a socket.
@Suite struct ClientConnectionTests {
    private let gateway = EmbeddedGateway()

    @Test func aRequestMayComeByteByByte() throws {
        let client = try gateway.client()
        for character in "GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n" { try client.send(String(character)) }
        #expect(try client.status() == 503, "no backend is healthy")
    }

    @Test func requestsSentAheadAreAnsweredInOrder() throws {
        let client = try gateway.client()
        let paths = ["/v1/models", "/nothing", "/v1/actions"]
        try client.send(paths.map { "GET \($0) HTTP/1.1\r\nhost: localhost\r\n\r\n" }.joined())
        gateway.advance(.milliseconds(1))

        let statuses = try client.take().split(separator: "HTTP/1.1 ").map { $0.prefix(3) }
        #expect(statuses == ["200", "404", "200"])
    }

    @Test func whatIsWrongWithARequestIsNotToldAsSomethingOfTheOneBefore() throws {
        let client = try gateway.client()
        try client.send("GET /nothing HTTP/1.1\r\nhost: localhost\r\nx-request-id: first\r\n\r\n")
        #expect(try client.take().contains("x-request-id: first"))

        try client.send("\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n")
        let refusal = try client.take()
        #expect(refusal.hasPrefix("HTTP/1.1 400") && refusal.contains("x-request-id: "))
        #expect(!refusal.contains("first"))
    }

    @Test func theConnectionGoesOnBehindAnAnswerThatComesLater() throws {
        let client = try gateway.client()
        for _ in 0..<2 {
            try client.send("DELETE /v1/actions/none HTTP/1.1\r\nhost: localhost\r\n\r\n")
            #expect(try client.status() == 404)
        }
    }

    @Test func anAnswerThatComesLaterGoesToNobodyOnceTheClientIsGone() throws {
        let (loop, client) = (gateway.eventLoop, RecordingClient())
        var (ended, gone) = (0, 0)
        let later = LaterAnswer(client: client, eventLoop: loop) { ended += 1 }
        later.onClientGone { gone += 1 }
        later.begin(type: .eventStream)
        later.clientGone()
        later.clientGone()
        later.write([1])
        later.end()

        #expect(ended == 0 && gone == 1 && client.calls == ["begin", "flush"] && later.isOver)
    }

    @Test func anAnswerThatComesLaterEndsOnce() throws {
        let client = RecordingClient()
        var ended = 0
        let later = LaterAnswer(client: client, eventLoop: gateway.eventLoop) { ended += 1 }
        later.begin(type: .eventStream)
        later.write([1])
        later.end()
        later.end()
        later.clientGone()

        #expect(ended == 1 && client.calls == ["begin", "flush", "piece", "flush", "end"])
    }

    // MARK: Before the body

    @Test(arguments: [
        ("POST /nothing", 404), ("POST /v1/models", 405), ("PUT /v1/chat/completions", 405), ("POST /api/pull", 501),
    ])
    func whatIsRefusedIsRefusedBeforeItsBody(_ line: String, _ status: Int) throws {
        let client = try gateway.client()
        try client.send("\(line) HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n")

        #expect(try client.status() == status)
        // The connection goes on behind the body.
        try client.send(String(repeating: "x", count: 1000))
        try client.get("/v1/models")
        #expect(try client.status() == 200)
    }

    @Test func aBodyThatIsTooLargeIsNotWaitedFor() throws {
        let client = try gateway.client()
        try client.send(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 999999999999\r\n\r\n")
        #expect(try client.status() == 413)
    }

    @Test func onlyARequestThatWillBeReadIsAskedForItsBody() throws {
        let expecting = "host: localhost\r\nexpect: 100-continue\r\ncontent-length: 13\r\n\r\n"
        let wanted = try gateway.client()
        try wanted.send("POST /v1/chat/completions HTTP/1.1\r\n" + expecting)
        #expect(try wanted.take() == "HTTP/1.1 100 Continue\r\n\r\n")

        let unwanted = try gateway.client()
        try unwanted.send("POST /nothing HTTP/1.1\r\n" + expecting)
        let answer = try unwanted.take()
        #expect(answer.hasPrefix("HTTP/1.1 404") && answer.contains("connection: close"))
    }

    @Test func aCommandTakesASmallBodyOnly() throws {
        let client = try gateway.client()
        try client.send("POST /api/show HTTP/1.1\r\nhost: localhost\r\ncontent-length: 70000\r\n\r\n")
        #expect(try client.status() == 413)
    }

    @Test func slashesTooManyAreForgiven() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask(path: "//v1//chat/completions/")
        #expect(driver.attempts.first?.request.path == "/v1/chat/completions")
    }

    // MARK: Time

    @Test func aHeadThatDripsIsRefusedAfterAMinute() throws {
        let client = try gateway.client()
        try client.send("GET / HTTP/1.1\r\nhost: localhost\r\nx: ")
        for _ in 0..<12 {
            gateway.advance(.seconds(5))
            try client.send("y")
        }
        #expect(try client.take() == "")
        gateway.advance(.seconds(6))
        #expect(try client.status() == 408)
    }

    @Test func aBodyThatDripsIsRefusedAfterAMinute() throws {
        gateway.add()
        let client = try gateway.client()
        try client.send("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{")
        for _ in 0..<13 {
            gateway.advance(.seconds(5))
            if client.isOpen { try client.send(" ") }
        }
        #expect(try client.status() == 408)
    }

    @Test func aConnectionWithoutARequestIsClosedAfterTenMinutes() throws {
        let client = try gateway.client()
        gateway.advance(.minutes(10))
        #expect(client.isOpen)
        gateway.advance(.seconds(10))
        #expect(!client.isOpen)
    }

    @Test func aTLSHandshakeThatIsNotFinishedEndsTheConnectionAfterTenSeconds() throws {
        let (silent, done) = (try gateway.handshakingClient(), try gateway.handshakingClient())
        done.channel.pipeline.fireUserInboundEventTriggered(TLSUserEvent.handshakeCompleted(negotiatedProtocol: nil))
        gateway.advance(.seconds(9))
        #expect(silent.isOpen)
        gateway.advance(.seconds(11))
        #expect(!silent.isOpen && done.isOpen)
    }

    @Test func aRefusedConnectionThatSaysNoMoreIsClosedSoon() throws {
        let client = try gateway.client()
        try client.send("GET / HTTP/1.1\nhost: x\n\n")
        #expect(try client.status() == 400)
        gateway.advance(.seconds(10))
        #expect(!client.isOpen)
    }

    @Test func whatDripsHoldsNoEndUp() throws {
        let (half, idle) = (try gateway.client(), try gateway.client())
        try half.send("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1000\r\n\r\n{")
        try idle.get("/livez")
        #expect(try idle.status() == 200)
        gateway.loop.beginDraining()
        var isEmpty = false
        gateway.loop.drain { isEmpty = true }
        gateway.advance(.milliseconds(20))
        #expect(!idle.isOpen && half.isOpen)

        gateway.advance(.seconds(4))

        #expect(!half.isOpen && isEmpty)
    }

    @Test func anEndHearsOutWhoHasJustComeAndWhoHasBegun() throws {
        let old = try gateway.client()
        gateway.advance(.seconds(2))
        let (fresh, begun, silent) = (try gateway.client(), try gateway.client(), try gateway.client())
        try begun.send("GET /livez HTTP/1.1\r\nho")
        gateway.loop.beginDraining()
        var isEmpty = false
        gateway.loop.drain { isEmpty = true }
        gateway.advance(.milliseconds(20))
        #expect(!old.isOpen && fresh.isOpen && begun.isOpen)

        try fresh.get("/livez")
        try begun.send("st: localhost\r\n\r\n")

        #expect(try fresh.status() == 200 && begun.status() == 200)
        #expect(!fresh.isOpen && !begun.isOpen)
        gateway.advance(.seconds(4))
        #expect(!silent.isOpen && isEmpty)
    }

    // MARK: Ends

    @Test func aClientThatEndsItsSideGetsItsAnswer() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.ask()
        client.shutDownOutput()
        driver.attempts[0].answer("{}")

        let answer = try client.take()
        #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n") && answer.hasSuffix("{}"))
        #expect(!client.isOpen)
    }

    @Test func aRequestThatBreaksOffIsToldSo() throws {
        let client = try gateway.client()
        try client.send("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\n{")
        client.shutDownOutput()
        #expect(try client.status() == 400)
    }

    @Test func aClientThatTakesNothingIsReadNoFurther() throws {
        let client = try gateway.client()
        client.setTaking(false)
        try client.get("/v1/models")
        try client.get("/v1/models")
        #expect(try client.take().split(separator: "HTTP/1.1 200").count == 1)

        client.setTaking(true)
        #expect(try client.status() == 200)
    }

    @Test func aliasesAreListedAndAnswered() throws {
        let gateway = EmbeddedGateway { $0.routing.aliases = ["gpt-4o": "m", "gone": "nowhere"] }
        let driver = gateway.add()
        let client = try gateway.client()
        try client.get("/v1/models")
        let list = try client.take()
        #expect(list.contains(#""id":"gpt-4o""#) && list.contains(#""alias_of":"m""#) && !list.contains("gone"))
        try client.get("/v1/models/gpt-4o")
        #expect(try client.take().contains(#""id":"gpt-4o""#))
        try client.ask(#"{"model":"gpt-4o"}"#)
        #expect(driver.attempts.map(\.body) == [#"{"model":"m"}"#])
    }

    // MARK: Clients that are gone already

    /// A peer that has reset the connection: the first write fails, which ends the channel inside that call, as a socket does.
    private final class FailingWrites: ChannelOutboundHandler {
        typealias OutboundIn = ByteBuffer
        private var hasFailed = false

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            promise?.fail(ChannelError.ioOnClosedChannel)
            guard !hasFailed else { return }
            hasFailed = true
            context.pipeline.fireChannelInactive()
        }
    }

    private static let chat =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 13\r\n\r\n{\"model\":\"m\"}"

    @Test(arguments: [
        "POST /nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nhello" + chat,
        "GET /nothing HTTP/1.1\r\nhost: localhost\r\n\r\n" + chat,
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 13\r\n\r\n"
            + "{\"model\":\"m\"}",
    ]) func nothingIsServedOnAConnectionThatEndedInAWrite(_ bytes: String) throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.channel.pipeline.syncOperations.addHandler(FailingWrites(), position: .first)

        try client.send(bytes)
        try client.leave()

        #expect(driver.attempts.isEmpty && gateway.inFlight() == 0)
    }

    @Test func aRequestSentAheadMustComeInItsTimeToo() throws {
        gateway.add()
        let client = try gateway.client()
        try client.send(
            "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"
                + "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 30000000\r\n\r\n")
        #expect(try client.status() == 200)
        gateway.advance(.seconds(66))
        #expect(try client.status() == 408)
    }

    @Test func theTimeOfARequestSentAheadBeginsWithItsTurn() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try client.send(Self.chat + Self.chat.dropLast(5))
        gateway.advance(.minutes(10))
        driver.attempts[0].answer("{}")
        gateway.advance(.seconds(10))
        try client.send(String(Self.chat.suffix(5)))

        #expect(driver.attempts.count == 2)
    }
}
