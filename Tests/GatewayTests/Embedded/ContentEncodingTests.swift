import AdapterHost
import Foundation
import NIOCore
import Testing

@testable import Gateway

/// Requests whose bodies are compressed.
@Suite struct ContentEncodingTests {
    /// Work of the pool that waits for the test. Invariant behind the unchecked Sendable: all on the test's thread.
    private final class Waiting: @unchecked Sendable {
        private var work: [() -> Void] = []
        var count: Int { work.count }
        func add(_ some: @escaping () -> Void) { work.append(some) }
        func run() {
            let all = work
            work = []
            for some in all { some() }
        }
    }

    private let waiting: Waiting
    private let gateway: EmbeddedGateway

    init() {
        let waiting = Waiting()
        self.waiting = waiting
        gateway = EmbeddedGateway(work: WorkPool(bytes: 1 << 30) { waiting.add($0) }) {
            $0.server.maxBodyBytes = 1 << 20
        }
    }

    /// As "deflate" without any wrapping: one stored block (RFC 1951, section 3.2.4).
    private static func deflated(_ text: [UInt8]) -> [UInt8] {
        let count = UInt16(text.count)
        return [1, UInt8(count & 0xFF), UInt8(count >> 8), UInt8(~count & 0xFF), UInt8(~count >> 8)] + text
    }

    /// As zstd: one byte, repeated to 128 KiB so many times (RFC 8878, section 3.1.1.2.2), behind a text.
    private static func zstd(_ text: [UInt8], spaces blocks: Int) -> [UInt8] {
        func header(_ size: Int, _ type: Int, isLast: Bool) -> [UInt8] {
            let header = (isLast ? 1 : 0) | type << 1 | size << 3
            return [UInt8(header & 0xFF), UInt8(header >> 8 & 0xFF), UInt8(header >> 16)]
        }
        var bytes = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x50] + header(text.count, 0, isLast: blocks == 0) + text
        for block in 0..<blocks { bytes += header(128 * 1024, 1, isLast: block == blocks - 1) + [0x20] }
        return bytes
    }

    private func ask(
        _ client: EmbeddedClient, _ body: [UInt8], path: String = "/v1/chat/completions", _ fields: String
    ) throws {
        let head = "POST \(path) HTTP/1.1\r\nhost: localhost\r\n\(fields)content-length: \(body.count)\r\n\r\n"
        try client.send(bytes: Array(head.utf8) + body)
    }

    private static let chat = #"{"model":"m"}"#

    @Test(arguments: [
        ("content-encoding: deflate\r\n", deflated(Array(chat.utf8))),
        ("Content-Encoding: ZSTD\r\n", zstd(Array(chat.utf8), spaces: 0)),
        ("content-encoding: deflate, zstd\r\n", zstd(deflated(Array(chat.utf8)), spaces: 0)),
        // Two fields are one list.
        ("content-encoding: deflate\r\ncontent-encoding: zstd\r\n", zstd(deflated(Array(chat.utf8)), spaces: 0)),
        ("content-encoding: identity\r\n", Array(chat.utf8)), ("content-encoding:\r\n", Array(chat.utf8)),
        // A byte order mark, inside and without.
        ("", [0xEF, 0xBB, 0xBF] + Array(chat.utf8)),
        ("content-encoding: deflate\r\n", deflated([0xEF, 0xBB, 0xBF] + Array(chat.utf8))),
    ]) func theBackendGetsTheBodyItself(_ fields: String, _ body: [UInt8]) throws {
        let driver = gateway.add()
        try ask(gateway.client(), body, fields)
        #expect(driver.attempts.map(\.body) == [Self.chat])
    }

    @Test(arguments: ["/v1/messages", "/v1/embeddings", "/api/chat", "/v1/responses"])
    func everyApiTakesIt(_ path: String) throws {
        let driver = gateway.add()
        try ask(
            gateway.client(), Self.deflated(Array(#"{"model":"m","input":"x"}"#.utf8)), path: path,
            "content-encoding: deflate\r\n")
        #expect(driver.attempts.map(\.body) == [#"{"model":"m","input":"x"}"#])
    }

    @Test func theGatewaysOwnPathsTakeIt() throws {
        gateway.add()
        let client = try gateway.client()
        try ask(client, Self.deflated(Array(Self.chat.utf8)), path: "/api/show", "content-encoding: deflate\r\n")
        #expect(try client.status() == 200)
    }

    @Test func aCodingThatIsNotKnownIsRefusedBeforeTheBody() throws {
        let client = try gateway.client()
        try client.send(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-encoding: snappy\r\n"
                + "content-length: 9\r\n\r\n")
        let told = try client.take()
        #expect(told.hasPrefix("HTTP/1.1 415 ") && told.contains("accept-encoding: gzip, deflate, br, zstd\r\n"))
        #expect(told.contains("snappy") && told.contains("known are: gzip, deflate, br, zstd"))
        // The connection goes on.
        try client.send("123456789")
        try client.get("/v1/models")
        #expect(try client.status() == 200)
    }

    @Test func tooManyCodingsAreRefused() throws {
        let client = try gateway.client()
        try ask(client, [], "content-encoding: gzip, gzip, gzip, gzip\r\nx: y\r\n")
        #expect(try client.status() == 400, "there is no body that could have one")
        try ask(client, [1], "content-encoding: gzip, gzip, gzip, gzip\r\n")
        #expect(try client.status() == 415)
    }

    @Test(arguments: [
        ("gzip", Array(chat.utf8), "is not valid gzip"),
        ("deflate", deflated(Array(chat.utf8)).dropLast(), "ends in the middle of its deflate"),
        ("deflate", deflated(Array(chat.utf8)) + [1], "goes on behind the end of its deflate"),
    ]) func aBrokenBodyIsTheClientsMistake(_ coding: String, _ body: [UInt8], _ words: String) throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try ask(client, body, "content-encoding: \(coding)\r\n")
        let told = try client.take()
        #expect(told.hasPrefix("HTTP/1.1 400 ") && told.contains("The request body \(words)."))
        #expect(driver.attempts.isEmpty && gateway.history.count == 1)
        try client.get("/v1/models")
        #expect(try client.status() == 200)
    }

    @Test func whatComesOutIsWhatTheLimitIsFor() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        let text = Array(Self.chat.utf8)
        try ask(client, Self.zstd(text, spaces: 7), "content-encoding: zstd\r\n")
        // First it is decoded, then looked into.
        for _ in 0..<2 {
            waiting.run()
            gateway.eventLoop.run()
        }
        #expect(driver.attempts.map(\.body.utf8.count) == [text.count + 7 * 128 * 1024])
        driver.attempts[0].answer("{}")
        #expect(try client.status() == 200)
        // The attempt, which the test keeps, has its answer.
        let kept = gateway.state.memory.used
        #expect(kept == 2)

        try ask(client, Self.zstd(text, spaces: 8), "content-encoding: zstd\r\n")
        waiting.run()
        #expect(try client.status() == 413)
        #expect(driver.attempts.count == 1 && gateway.state.memory.used == kept)
    }

    @Test func whatBecomesLargeIsNotDecodedOnTheEventLoop() throws {
        gateway.add()
        try ask(gateway.client(), Self.zstd(Array(Self.chat.utf8), spaces: 1000), "content-encoding: zstd\r\n")
        #expect(waiting.count == 1)
        #expect(gateway.state.memory.used <= 512 * 1024)
    }

    /// 20,000 empty members of gzip, 400 KB in all, within another gzip: nothing comes out, and it is work.
    private static let nothing = """
        H4sIAAAAAAACA+3IsQkAMAgAMMHFLzzYpwWhH3RMxvRUnMx42jnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzj\
        nnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeec\
        c84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzj\
        nnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeec\
        c84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzj\
        nnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeec\
        c84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzj\
        nnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeec\
        c84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzj\
        nnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeec\
        c84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzj\
        nnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeec\
        c84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzj\
        nnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeec\
        c84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeecc84555xzzjnnnHPOOeec+3wLmKd534\
        AaBgA=
        """

    @Test func whatPassesBetweenTwoCodingsIsWorkToo() throws {
        gateway.add()
        let body = try #require(Data(base64Encoded: Self.nothing))
        try ask(gateway.client(), Array(body), "content-encoding: gzip, gzip\r\n")
        #expect(waiting.count == 1)
    }

    @Test func aClientThatLeavesMeanwhileLeavesNothingBehind() throws {
        let driver = gateway.add()
        let client = try gateway.client()
        try ask(client, Self.zstd(Array(Self.chat.utf8), spaces: 7), "content-encoding: zstd\r\n")
        try client.leave()
        waiting.run()
        gateway.eventLoop.run()
        #expect(driver.attempts.isEmpty && gateway.state.memory.used == 0)
        #expect(gateway.history.count == 1)
    }

    @Test func whatComesOutCountsInTheMemoryOfAll() throws {
        let gateway = EmbeddedGateway(work: WorkPool(bytes: 1 << 30) { [waiting] in waiting.add($0) }) {
            $0.server.maxMemoryBytes = 300 * 1024
        }
        let client = try gateway.client()
        try ask(client, Self.zstd(Array(Self.chat.utf8), spaces: 100), "content-encoding: zstd\r\n")
        waiting.run()
        #expect(try client.status() == 503)
        #expect(gateway.state.memory.used == 0)
    }
}
