import Core
import Testing

@testable import Gateway

/// Who gives way when the memory of all is short.
@Suite struct ShortMemoryTests {
    private static let limit = 64 * 1024 * 1024
    private let gateway = EmbeddedGateway { configuration in
        configuration.server.maxMemoryBytes = Self.limit
        configuration.server.maxBodyBytes = 60 * 1024 * 1024
    }

    init() { gateway.add() }

    /// A request whose body does not come.
    private func holder(of bytes: Int) throws -> EmbeddedClient {
        let client = try gateway.client()
        try client.send("POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: \(bytes)\r\n\r\n{")
        return client
    }

    @Test func whoHoldsMemoryAndDoesNotMoveGivesWayToOthers() throws {
        let still = try holder(of: 50 * 1024 * 1024)
        gateway.advance(.seconds(3))
        let before = try still.status()

        let refused = try holder(of: 10 * 1024 * 1024).status()
        gateway.advance(.milliseconds(500))
        let after = try still.take()
        let next = try holder(of: 10 * 1024 * 1024).status()

        #expect(before == nil && refused == 503)
        #expect(after.hasPrefix("HTTP/1.1 408 ") && after.contains("server.max_memory_bytes"))
        #expect(next == nil, "it is read")
    }

    @Test func whoSendsAsFastAsOthersMayExpectStays() throws {
        let client = try holder(of: 50 * 1024 * 1024)
        for _ in 0..<30 {
            try client.send(String(repeating: "x", count: 16 * 1024))
            gateway.advance(.milliseconds(100))
        }
        let refused = try holder(of: 10 * 1024 * 1024).status()
        try client.send(String(repeating: "x", count: 16 * 1024))
        gateway.advance(.milliseconds(500))

        #expect(refused == 503)
        #expect(try client.status() == nil)
    }

    @Test func whenAllIsUsedUpTheOneThatHoldsMostEnds() throws {
        var others = MemoryShare(of: gateway.state.memory)
        let most = try holder(of: 8 * 1024 * 1024)
        let less = try holder(of: 1024 * 1024)
        let isTaken = others.set(Self.limit - 9 * 1024 * 1024)
        gateway.advance(.milliseconds(300))
        let before = try most.status()

        let refused = try holder(of: 1024 * 1024).status()
        gateway.advance(.milliseconds(300))

        let statuses = [before, refused, try most.status(), try less.status()]
        let held = others.bytes
        #expect(isTaken && held > 0 && statuses == [nil, 503, 503, nil])
    }

    @Test func connectionsEndWithTheirAnswersWhenMemoryBecomesShort() throws {
        var others = MemoryShare(of: gateway.state.memory)
        let isTaken = others.set(Self.limit / 4 * 3)
        gateway.advance(.milliseconds(300))

        let client = try gateway.client()
        try client.get("/health")
        let answer = try client.take()

        let held = others.bytes
        #expect(isTaken && held > 0)
        #expect(answer.lowercased().contains("connection: close"))
    }
}
