import NIOCore
import NIOPosix
import NIOSSL
import Testing

@testable import Upstream

@Suite struct ConnectingTests {
    @Test func aHandshakeThatIsNeverAnsweredEndsWithTheConnectLimit() async throws {
        // Long enough for TCP, also where much else runs.
        let bench = try await Bench.make(isTLS: true, limit: .milliseconds(2500)) { _ in }

        let told = await bench.ask()

        #expect(
            told.end == .connectTimedOut("no connection within 2.5 s (TLS handshake with \(bench.endpoint))"))
        #expect(told.first == .connecting && told.steps == [.handshaking])
        #expect(told.timings == UpstreamTimings())
    }

    @Test func aServerThatClosesDuringTheHandshakeHasRefused() async throws {
        let bench = try await Bench.make(isTLS: true) { try $0.pipeline.syncOperations.addHandler(Closing()) }

        let told = await bench.ask()

        guard case .refused(let words) = told.end else {
            Issue.record("\(String(describing: told.end))")
            return
        }
        #expect(words.contains("during the") && words.contains("handshake") && words.hasPrefix("127.0.0.1:"))
    }

    @Test func aCallThatIsCancelledWhileItsHandshakeRunsEndsAtOnce() async throws {
        let bench = try await Bench.make(isTLS: true) { _ in }

        let told = await bench.ask { $0.cancel() }

        #expect(told.end == .cancelled && told.steps == [])
    }

    @Test func aCallThatIsCancelledBeforeTCPIsThereLeavesNoSocketBehind() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let socket = loop.makePromise(of: (any Channel).self)
        let bench = try await Bench.make(connector: NoAnswer(socket)) { _ in }

        let told = await bench.ask { call in
            let call = NIOLoopBound(call, eventLoop: bench.loop)
            socket.futureResult.whenSuccess { _ in bench.loop.execute { call.value.cancel() } }
        }

        #expect(told.end == .cancelled && told.steps == [])
        try await socket.futureResult.get().closeFuture.get()
    }

    @Test func soDoesOneWhoseTimeIsOver() async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.any()
        let socket = loop.makePromise(of: (any Channel).self)
        let bench = try await Bench.make(limit: .milliseconds(50), connector: NoAnswer(socket)) { _ in }

        let told = await bench.ask()

        #expect(told.end == .connectTimedOut("no connection within 0.05 s (TCP connection to \(bench.endpoint))"))
        try await socket.futureResult.get().closeFuture.get()
    }

    @Test func stepsAndTimingsTellHowACallWent() async throws {
        let bench = try await Bench.make { try $0.pipeline.syncOperations.addHandler(Answering()) }

        let first = await bench.ask()
        let second = await bench.ask()

        #expect(first.first == .connecting && first.steps == [.connected, .written])
        #expect(first.status == 200 && first.end == .complete && !first.timings.reusedConnection)
        let connected = try #require(first.timings.connected)
        let firstByte = try #require(first.timings.firstByte)
        #expect(0 < connected && connected <= firstByte)
        // What is there at once is told by the call itself.
        #expect(second.first == .written && second.steps == [])
        #expect(second.timings.reusedConnection && second.timings.connected == 0)
        #expect(second.timings.firstByte != nil)
    }

    @Test func aLargeBodyCountsAsWrittenWhenItHasGoneOut() async throws {
        let bench = try await Bench.make { try $0.pipeline.syncOperations.addHandler(Answering()) }

        let told = await bench.ask(body: 20_000)

        #expect(told.end == .complete && told.steps.first == .connected && told.steps.contains(.written))
    }

    @Test func aRefusalNamesTheAddress() async throws {
        let bench = try await Bench.make { _ in }
        let endpoint = bench.endpoint
        try await bench.server.close()

        let told = await bench.ask()

        #expect(told.end == .refused("\(endpoint): connection refused: nothing listens there"))
    }
}
