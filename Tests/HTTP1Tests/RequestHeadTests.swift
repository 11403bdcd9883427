import Testing

@testable import HTTP1

private func parse(_ text: String) throws -> RequestHead {
    try Array(text.utf8).withUnsafeBytes { try RequestHead.parse($0) }
}

private func text(_ range: Range<Int>?, in head: String) -> String? {
    range.map { String(decoding: Array(head.utf8)[$0], as: UTF8.self) }
}

@Suite struct RequestHeadTests {
    @Test func readsWhatTheGatewayNeeds() throws {
        let raw =
            "POST /v1/chat?x=1 HTTP/1.1\r\nHost: a:1\r\nContent-LENGTH:  12 \r\nX-Request-Id: abc\r\nOrigin: http://a\r\n\r\n"

        let head = try parse(raw)

        #expect(head.method == .post && head.minorVersion == 1 && head.keepAlive)
        #expect(text(head.target, in: raw) == "/v1/chat?x=1")
        #expect(head.framing == .length(12))
        #expect(text(head.requestID, in: raw) == "abc")
        #expect(text(head.origin, in: raw) == "http://a" && text(head.host, in: raw) == "a:1")
    }

    @Test(arguments: [
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, CLOSE\r\n\r\n", false),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true), ("GET / HTTP/1.0\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: close\r\nConnection: keep-alive\r\n\r\n", false),
    ]) func knowsWhetherTheConnectionIsKept(_ raw: String, _ kept: Bool) throws {
        #expect(try parse(raw).keepAlive == kept)
    }

    @Test(arguments: [("1.0", 0), ("1.1", 1), ("1.2", 1), ("1.9", 1)])
    func aVersionThatIsNewerInItsMinorNumberIsReadAsTheNewestKnown(_ version: String, _ minor: Int) throws {
        #expect(try parse("GET / HTTP/\(version)\r\nHost: a\r\n\r\n").minorVersion == minor)
    }

    @Test func seesAWebSocketUpgradeOnlyWhenBothFieldsAskForIt() throws {
        #expect(
            try parse("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\r\n")
                .upgradesToWebSocket)
        #expect(try !parse("GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n").upgradesToWebSocket)
    }

    @Test(arguments: [
        ("text/event-stream", true), ("application/json, Text/Event-Stream", true), ("*/*", false),
        ("text/event-stream-x", false),
    ]) func seesThatAClientAsksForServerSentEvents(_ accept: String, _ asked: Bool) throws {
        #expect(try parse("POST / HTTP/1.1\r\nHost: a\r\nAccept: \(accept)\r\n\r\n").acceptsEventStream == asked)
    }

    @Test(arguments: [
        ("GET /\r\n\r\n", HTTPParseError.badStartLine), ("GET  / HTTP/1.1\r\n\r\n", .badStartLine),
        (" GET / HTTP/1.1\r\n\r\n", .badStartLine), ("GET /a b HTTP/1.1\r\n\r\n", .badStartLine),
        ("GET ftp://x/ HTTP/1.1\r\nHost: a\r\n\r\n", .badStartLine),
        ("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", .badStartLine),
        ("GET http:///v1 HTTP/1.1\r\nHost: a\r\n\r\n", .badStartLine),
        ("GET http://user@x/ HTTP/1.1\r\nHost: a\r\n\r\n", .badStartLine),
        ("GET x:80 HTTP/1.1\r\nHost: a\r\n\r\n", .badStartLine),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", .unsupportedVersion),
        ("GET / http/1.1\r\nHost: a\r\n\r\n", .badStartLine),
        ("GET / HTTP/1.x\r\nHost: a\r\n\r\n", .badStartLine), ("GET / HTTP/1.10\r\nHost: a\r\n\r\n", .badStartLine),
        ("GET / HTTP/1.1\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", .badHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", .badField),
        ("GET / HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\nOrigin: http://a\r\n\r\n", .badField),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n folded\r\n\r\n", .badField),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: y\nZ: 1\r\n\r\n", .badField),
        ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n", .badField),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .badLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", .badLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", .badLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .badLength),
        ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", .badLength),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unsupportedCoding),
    ]) func refusesWhatCouldBeReadInTwoWays(_ raw: String, _ error: HTTPParseError) {
        #expect(throws: error) { try parse(raw) }
    }

    @Test(arguments: [
        ("http://h:1/v1/x?y=1", "h:1", "/v1/x?y=1"), ("HTTPS://[::1]/", "[::1]", "/"), ("http://h", "h", ""),
        ("http://h?a", "h", "?a"), ("http://h/http://i/", "h", "/http://i/"),
    ]) func takesATargetInAbsoluteForm(_ target: String, _ authority: String, _ rest: String) throws {
        let raw = "GET \(target) HTTP/1.1\r\nHost: other\r\n\r\n"

        let head = try parse(raw)

        #expect(text(head.authority, in: raw) == authority)
        #expect(text(head.target, in: raw) == rest)
    }

    @Test func boundsTheNumberOfFields() {
        let fields = (0...HTTPLimits.fields).map { "x-\($0): y\r\n" }.joined()
        #expect(throws: HTTPParseError.headTooLarge) { try parse("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n") }
    }

    @Test func survivesEveryCutAndRandomDamage() {
        let raw = Array("POST /v1/x HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nConnection: upgrade\r\n\r\n".utf8)
        for end in 0..<raw.count { _ = try? raw[..<end].withUnsafeBytes { try RequestHead.parse($0) } }
        for index in raw.indices {
            for byte in [0, 0x0A, 0x0D, 0x20, 0x3A, 0x7F, 0xFF] as [UInt8] {
                var damaged = raw
                damaged[index] = byte
                _ = try? damaged.withUnsafeBytes { try RequestHead.parse($0) }
            }
        }
    }
}

@Suite struct HeadEndFinderTests {
    private func find(_ pieces: [String]) throws -> Int? {
        var finder = HeadEndFinder()
        var bytes: [UInt8] = []
        for piece in pieces {
            bytes += Array(piece.utf8)
            if let end = try bytes.withUnsafeBytes({ try finder.find($0) }) { return end }
        }
        return nil
    }

    @Test func findsTheEndWhateverWayTheHeadIsCut() throws {
        let head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
        for cut in 0...head.utf8.count {
            let pieces = [String(head.utf8.prefix(cut)) ?? "", String(head.utf8.dropFirst(cut)) ?? "", "body"]
            #expect(try find(pieces) == head.utf8.count)
        }
        #expect(try find(head.map(String.init)) != nil)
    }

    @Test(arguments: ["GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nHost: a\n\n", "\n", "GET / HTTP/1.1\r\nHost: a\r\n\n"])
    func refusesALineThatEndsWithALineFeedAloneAtOnce(_ head: String) {
        #expect(throws: HTTPParseError.badLineEnd) { try find([head]) }
        #expect(throws: HTTPParseError.badLineEnd) { try find(head.unicodeScalars.map { String($0) }) }
    }

    @Test func refusesAHeadBeyondTheLimitBeforeItIsComplete() {
        #expect(throws: HTTPParseError.headTooLarge) { try find([String(repeating: "x", count: HTTPLimits.head + 1)]) }
        #expect(throws: HTTPParseError.headTooLarge) {
            try find([String(repeating: "x", count: HTTPLimits.head) + "\r\n\r\n"])
        }
    }

    /// Values are looked at eight bytes at a time.
    @Test(arguments: Array(UInt8.min...UInt8.max)) func valuesHoldNoControlCharacterAtAnyPlace(_ byte: UInt8) {
        let isAllowed = byte == 0x09 || byte >= 0x20 && byte != 0x7F
        for before in 0...9 {
            for after in 1...9 {
                let value =
                    Array(repeating: UInt8(ascii: "v"), count: before) + [byte]
                    + Array("v~\u{80}vvvvvv".utf8.prefix(after))
                let head = Array("GET / HTTP/1.1\r\nhost: a\r\nx: =".utf8) + value + Array("\r\n\r\n".utf8)

                let isTaken = head.withUnsafeBytes { (try? RequestHead.parse($0)) != nil }

                #expect(isTaken == isAllowed, "\(before) before, \(after) after")
            }
        }
    }

    @Test func goesThroughTheFieldsOfInterestAlone() throws {
        let raw = "GET / HTTP/1.1\r\nHost: a\r\nX-One:  1 \r\naccept: */*\r\nx-two:\r\n\r\n"
        var seen: [String] = []

        try Array(raw.utf8).withUnsafeBytes { bytes in
            try RequestHead.parse(bytes).forEachField(of: bytes, startingWith: "x") {
                seen.append(String(decoding: $0, as: UTF8.self) + "=" + String(decoding: $1, as: UTF8.self))
            }
        }

        #expect(seen == ["X-One=1", "x-two="])
    }
}
