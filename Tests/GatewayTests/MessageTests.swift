import HTTP1
import JSON
import NIOCore
import Testing

@testable import Core
@testable import Gateway

@Suite struct BodyReaderTests {
    private func read(_ framing: RequestHead.BodyFraming, _ pieces: [String], limit: Int = 100) throws -> (
        String?, String
    ) {
        var reader = BodyReader(framing, limit: .request(limit))
        var left = ByteBuffer()
        for piece in pieces {
            left.writeString(piece)
            if let body = try reader.read(&left) { return (String(buffer: body), String(buffer: left)) }
        }
        return (nil, String(buffer: left))
    }

    @Test func aBodyOfKnownLengthIsWholeWhereverItIsCut() throws {
        let text = "0123456789GET /next"
        for cut in 0...text.utf8.count {
            let result = try read(.length(10), [String(text.prefix(cut)), String(text.dropFirst(cut))])
            #expect(result.0 == "0123456789", "cut at \(cut)")
            #expect("GET /next".hasPrefix(result.1))
        }
    }

    @Test func aChunkedBodyIsWholeWhereverItIsCut() throws {
        let text = "4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\nTrailer: t\r\n\r\nGET /next"
        for cut in 0...text.utf8.count {
            let result = try read(
                .chunked,
                [
                    String(decoding: text.utf8.prefix(cut), as: UTF8.self),
                    String(decoding: text.utf8.dropFirst(cut), as: UTF8.self),
                ])
            #expect(result.0 == "Wikipedia", "cut at \(cut)")
            #expect("GET /next".hasPrefix(result.1))
        }
    }

    @Test func chunksBeyondTheLimitAreRefused() {
        #expect { _ = try read(.chunked, ["b\r\n01234567890\r\n0\r\n\r\n"], limit: 10) } throws: {
            ($0 as? ErrorBody)?.status == 413
        }
    }

    @Test func aChunkThatIsAnnouncedTooLargeIsRefusedBeforeItComes() {
        #expect { _ = try read(.chunked, ["fffffffffffffff\r\n"], limit: 10) } throws: {
            ($0 as? ErrorBody)?.status == 413
        }
    }

    @Test func anIncompleteBodyIsNoBody() throws {
        #expect(try read(.length(10), ["012345678"]).0 == nil)
        #expect(try read(.chunked, ["4\r\nWiki\r\n"]).0 == nil)
        #expect(try read(.none, [""]).0 == "")
    }
}

@Suite struct ModelSubstitutionTests {
    @Test func onlyTheNameChanges() {
        let body = #"{"a":1, "model" : "old" ,"b":"old"}"#
        let start = body.utf8.count - #""old" ,"b":"old"}"#.utf8.count
        var buffer = ByteBuffer(string: "xx" + body)
        buffer.moveReaderIndex(forwardBy: 2)

        let result = ModelSubstitution.replace(start..<start + 5, by: "new \"one\"", in: buffer)

        #expect(String(buffer: result) == #"{"a":1, "model" : "new \"one\"" ,"b":"old"}"#)
    }
}

@Suite struct ErrorBodyTests {
    @Test func errorsHaveOpenAIsShapeWithEveryMember() {
        let body = ErrorBody(status: 400, message: "no \"x\"", param: "model")

        #expect(
            String(decoding: body.json, as: UTF8.self)
                == #"{"error":{"message":"no \"x\"","type":"invalid_request_error","param":"model","code":null}}"#)
    }

    @Test func anOverlongModelNameIsCutInTheMessage() {
        #expect(ErrorBody.unknownModel(String(repeating: "x", count: 100_000), among: ["m"]).message.utf8.count < 1000)
    }

    @Test func whyNobodyCanServeIsToldForEachBackend() {
        func backend(_ name: String, _ status: BackendStatus, _ error: String?) -> BackendSnapshot {
            BackendSnapshot(
                identity: BackendIdentity(id: name, name: name, url: "http://x", backendType: "t", priority: 1),
                status: status, lastError: error, counters: BackendCounters(), driver: FailedBackend(), kinds: 0)
        }
        let refused = LeftOut(
            backend: backend("a", .unhealthy, nil), why: .down(.unhealthy, error: "connection refused"))
        let wrong = LeftOut(backend: backend("b", .healthy, nil), why: .wrongKind)
        let down = ErrorBody.unavailable("m", [refused, wrong], kind: "embeddings")
        let unable = ErrorBody.unavailable("m", [wrong], kind: "embeddings")

        #expect(down.status == 503 && down.retryAfter == 5)
        #expect(down.message.hasSuffix("a is unhealthy: connection refused; b does not support embeddings"))
        #expect(unable.status == 501)
    }

    @Test(
        arguments: [
            (ExchangeFailure.Kind.connect, 0, 503), (.timeout, 0, 504), (.busy, 429, 429), (.busy, 503, 503),
            (.auth, 401, 502), (.busy, 529, 529), (.unsupported, 403, 403), (.unsupported, 404, 404),
            (.unsupported, 405, 405), (.unsupported, 501, 501), (.busy, 402, 402), (.busy, 408, 503),
            (.upstream, 409, 409), (.timeout, 404, 404), (.auth, 403, 502),
            (.upstream, 500, 502), (.rejected, 422, 422), (.rejected, 0, 400), (.unsupported, 0, 501),
            (.adapter, 0, 502),
        ] as [(ExchangeFailure.Kind, Int, Int)])
    func aFailureHasTheStatusThatTellsWhoseFaultItIs(_ kind: ExchangeFailure.Kind, _ status: Int, _ expected: Int) {
        let body = ErrorBody(ExchangeFailure(kind: kind, status: status, message: "why"))

        #expect(body.status == expected && body.message == "why")
    }
}

@Suite struct AnswerWriterTests {
    private func text(isModern: Bool = true, keepAlive: Bool = true, _ body: (inout AnswerWriter) -> Void) -> String {
        var writer = AnswerWriter(
            status: 200, common: AnswerWriter.Common(requestID: "r1", isModern: isModern, keepAlive: keepAlive),
            bodyCapacity: 0)
        body(&writer)
        return String(buffer: writer.bytes)
    }

    @Test func aWholeAnswerCarriesItsLengthAndTheRequestsId() {
        let answer = text { writer in
            writer.contentType(.json)
            writer.endHead(length: 2)
            writer.body("{}".utf8)
        }

        #expect(
            answer
                == "HTTP/1.1 200 OK\r\nx-request-id: r1\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
        )
    }

    @Test func anOlderClientGetsNoChunks() {
        var sendsChunks: [Bool] = []
        let modern = text { sendsChunks.append($0.endHeadOfPieces()) }
        let older = text(isModern: false) { sendsChunks.append($0.endHeadOfPieces()) }

        #expect(sendsChunks == [true, false])
        #expect(modern.contains("transfer-encoding: chunked") && !older.contains("chunked"))
    }

    @Test(arguments: [1, 9, 10, 15, 16, 255, 256, 4095, 4096, 70_000])
    func aChunkTellsItsLengthInHexadecimal(_ length: Int) {
        var content = ByteBuffer(repeating: UInt8(ascii: "x"), count: length)
        var bytes = ByteBuffer()

        AnswerWriter.chunk(&content, into: &bytes)

        let expected = String(length, radix: 16) + "\r\n" + String(repeating: "x", count: length) + "\r\n"
        #expect(String(buffer: bytes) == expected)
    }
}

@Suite struct MetricsPageTests {
    @Test func labelsAreEscapedAndWholeNumbersAreWhole() {
        var page = MetricsPage()
        page.begin(.keyActive)
        page.sample(["a\"b\\c\nd"], 2)
        page.sample(["e"], 0.5)

        let (name, help) = (MetricFamily.keyActive.name, MetricFamily.keyActive.help)
        #expect(
            String(decoding: page.bytes, as: UTF8.self)
                == "# HELP \(name) \(help)\n# TYPE \(name) gauge\n"
                + "\(name){key=\"a\\\"b\\\\c\\nd\"} 2\n\(name){key=\"e\"} 0.5\n")
    }
}

@Suite struct RequestIDTests {
    @Test func idsAreLongAndDifferent() {
        var ids = RequestIDs()
        let made = (0..<10_000).map { _ in ids.next() }

        #expect(Set(made).count == made.count)
        #expect(made.allSatisfy { id in id.utf8.count == 32 && id.allSatisfy(\.isHexDigit) })
    }
}
