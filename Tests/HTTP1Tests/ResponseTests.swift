import Testing

@testable import HTTP1

private func parse(_ text: String, bodyless: Bool = false) throws -> ResponseHead {
    var head = ResponseHead()
    try Array(text.utf8).withUnsafeBytes { try head.parse($0, bodyless: bodyless) }
    return head
}

@Suite struct ResponseHeadTests {
    @Test(arguments: [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ResponseHead.BodyFraming.length(5), true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n", .chunked, true),
        ("HTTP/1.1 200 OK\r\n\r\n", .untilClose, false), ("HTTP/1.1 204 No Content\r\n\r\n", .none, true),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", .none, true),
        ("HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\n", .length(5), true),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", .length(5), false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n", .length(5), false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", .chunked, false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\nConnection: close, keep-alive\r\n\r\n", .length(5), false),
    ]) func knowsHowLongTheBodyIs(_ raw: String, _ framing: ResponseHead.BodyFraming, _ kept: Bool) throws {
        let head = try parse(raw)
        #expect(head.framing == framing)
        #expect(head.keepAlive == kept)
    }

    @Test func theAnswerToHeadHasNoBody() throws {
        #expect(try parse("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", bodyless: true).framing == .none)
    }

    @Test(arguments: [
        "HTTP/1.1 20 OK\r\n\r\n", "HTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 abc OK\r\n\r\n",
        "garbage garbage garbage\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1x1 200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nbad field\r\n\r\n",
    ]) func refusesGarbage(_ raw: String) {
        #expect(throws: HTTPParseError.self) { try parse(raw) }
    }
}

@Suite struct ChunkedDecoderTests {
    /// Feeds the pieces and gives the data, or nil if the body did not end.
    private func decode(_ pieces: [[UInt8]]) throws -> (data: [UInt8], rest: Int)? {
        var decoder = ChunkedDecoder()
        var data: [UInt8] = []
        for piece in pieces {
            var piece = piece[...]
            while !piece.isEmpty {
                let (consumed, range) = try Array(piece).withUnsafeBytes { try decoder.next($0) }
                data += Array(piece)[range]
                piece = piece.dropFirst(consumed)
                if decoder.isDone { return (data, piece.count) }
            }
        }
        return nil
    }

    private let body = Array("5\r\nhello\r\n6;ext=\"1\"\r\n world\r\n0\r\nTrailer: x\r\n\r\n".utf8)

    @Test func givesTheSameDataForEveryCut() throws {
        for first in 0...body.count {
            for second in first...body.count {
                let pieces = [Array(body[..<first]), Array(body[first..<second]), Array(body[second...])]
                #expect(try decode(pieces)?.data == Array("hello world".utf8))
            }
        }
    }

    @Test(arguments: ["", "a: b\r\n", "x-sum:\r\ny: \u{9}1 2\r\n"]) func readsOverTheFieldsOfATrailer(_ fields: String)
        throws
    {
        #expect(try decode([Array("1\r\na\r\n00\r\n\(fields)\r\nNEXT".utf8)])?.rest == 4)
    }

    @Test(arguments: ["", " ", "\t ", ";", ";a", " ; a=b", ";a=\"5 ; 6\" "]) func readsOverExtensions(_ extras: String)
        throws
    {
        #expect(try decode([Array("5\(extras)\r\nhello\r\n0\(extras)\r\n\r\n".utf8)])?.data == Array("hello".utf8))
    }

    @Test func stopsBehindTheBody() throws {
        #expect(try decode([body + Array("NEXT".utf8)])?.rest == 4)
    }

    @Test(arguments: [
        "x\r\n", "5\nhello", "\r\n", "5\r\nhelloX", "5\r\nhello\rX", "FFFFFFFFFFFFFFFF\r\n", "-1\r\n", "5 5\nx",
        "0x5\r\n", "5;\u{0}\r\n", "5 5\r\nhello\r\n", "5\tx\r\n", "5 =a\r\n", "0\r\n\n", "0\r\na: b\n\n",
        "0\r\n\u{0}\r\n\r\n", "0\r\nno field\r\n\r\n",
        "0\r\n\r\r\n", "0\r\na: b\u{0}c\r\n\r\n", "0\r\n a: b\r\n\r\n", "0\r\n: b\r\n\r\n", "0\r\na: b\r\r\n\r\n",
    ]) func refusesWhatIsNotChunked(_ raw: String) {
        #expect(throws: HTTPParseError.badChunk) { _ = try decode([Array(raw.utf8)]) }
    }

    @Test func boundsExtensionsAndTrailers() {
        let extensions = "5;" + String(repeating: "x", count: HTTPLimits.chunkLine + 1)
        #expect(throws: HTTPParseError.badChunk) { _ = try decode([Array(extensions.utf8)]) }
        let trailer = "0\r\n" + String(repeating: "x: y\r\n", count: HTTPLimits.trailer / 5)
        #expect(throws: HTTPParseError.badChunk) { _ = try decode([Array(trailer.utf8)]) }
    }
}
