import HTTP1

extension FuzzTarget {
    /// The head of a client's request.
    static let requestHead = FuzzTarget("request-head") { bytes throws(Broken) in
        let outcome = try sameHoweverCut(bytes, "the head") { RequestReading.run($0) }
        guard case .head(let head, let end) = outcome else { return }
        try withExact(bytes[..<end]) { raw throws(Broken) in
            try require(!raw.contains(0), "a head with a NUL is taken")
            let ranges = [
                head.methodText, head.target, head.authority, head.requestID, head.origin, head.credential,
                head.otherCredential,
                head.cookie, head.confirmation, head.priority, head.backend, head.host, head.contentType,
                head.webSocketKey,
                head.webSocketVersion,
            ]
            for range in ranges.compactMap(\.self) {
                try require(range.lowerBound >= 0 && range.upperBound <= raw.count, "\(range) lies outside of the head")
            }
            try require(
                !raw[head.methodText].isEmpty && raw[head.methodText].allSatisfy { $0 > 0x20 && $0 < 0x7F },
                "the method")
            // Whoever gets the fields that were read, one line each, understands the same.
            let again = try read(rewritten(head, raw))
            try require(again.framing == head.framing, "the framing is \(head.framing), then \(again.framing)")
            try require(again.keepAlive == head.keepAlive, "the connection is kept, or not, after a second reading")
            try require(
                again.upgradesToWebSocket == head.upgradesToWebSocket, "an upgrade, or not, after a second reading")
            try require(again.expectsContinue == head.expectsContinue, "it waits, or not, after a second reading")
        }
    }

    private static func rewritten(_ head: RequestHead, _ raw: UnsafeRawBufferPointer) -> [UInt8] {
        var out = Array(raw[head.methodText]) + Array(" /".utf8)
        out += Array(" HTTP/1.\(head.minorVersion)\r\n".utf8)
        let every: (UInt8) -> Bool = { _ in true }
        head.forEachField(of: raw, where: every) { name, value in
            out += Array(name) + Array(": ".utf8) + Array(value) + Array("\r\n".utf8)
        }
        return out + Array("\r\n".utf8)
    }

    private static func read(_ bytes: [UInt8]) throws(Broken) -> RequestHead {
        guard case .head(let head, _) = RequestReading.run([bytes[...]]) else {
            throw Broken("what was read cannot be read again: \(text(bytes))")
        }
        return head
    }

    /// The head of a server's answer.
    static let responseHead = FuzzTarget("response-head") { bytes throws(Broken) in
        try withExact(bytes) { raw throws(Broken) in
            var finder = HeadEndFinder()
            guard let end = try? finder.find(raw) else { return }
            let part = UnsafeRawBufferPointer(rebasing: raw[..<end])
            for bodyless in [false, true] {
                var head = ResponseHead()
                guard (try? head.parse(part, bodyless: bodyless)) != nil else { return }
                try require((100...999).contains(head.status), "the status is \(head.status)")
                try require(head.fields.count <= HTTPLimits.fields, "\(head.fields.count) fields")
                for field in head.fields {
                    try require(
                        field.value.upperBound <= end && field.name.upperBound <= field.value.lowerBound, "\(field)")
                }
                try require(
                    head.framing != .untilClose || !head.keepAlive, "a body ends with a connection that is kept")
                var again = ResponseHead()
                let lines = head.fields.map { Array(part[$0.name]) + [0x3A] + Array(part[$0.value]) + [0x0D, 0x0A] }
                let code = String(head.status)
                let version = part[7] == UInt8(ascii: "0") ? "HTTP/1.0 " : "HTTP/1.1 "
                let whole = Array((version + code + " X\r\n").utf8) + lines.flatMap(\.self) + [0x0D, 0x0A]
                _ = withExact(whole) { try? again.parse($0, bodyless: bodyless) }
                try require(
                    again.framing == head.framing && again.keepAlive == head.keepAlive, "a second reading: \(again)")
            }
        }
    }

    /// A body in chunks.
    static let chunked = FuzzTarget("chunked") { bytes throws(Broken) in
        try sameHoweverCut(bytes, "the chunks") { ChunkReading.run($0) }
        // What is put into chunks comes out as it was.
        var random = ChunkWriting(bytes)
        let encoded = random.chunks()
        let decoded = ChunkReading.run([encoded[...]])
        try require(
            decoded == ChunkReading(data: bytes, isDone: true, consumed: encoded.count), "chunks come out as \(decoded)"
        )
    }
}

/// A request's head as a connection reads it, from a buffer that grows.
enum RequestReading: Equatable {
    case head(RequestHead, end: Int)
    /// Why is told by whichever part sees it first.
    case refused
    case incomplete

    static func run(_ pieces: [ArraySlice<UInt8>]) -> RequestReading {
        var finder = HeadEndFinder()
        var buffer: [UInt8] = []
        for piece in pieces {
            buffer += piece
            let outcome: RequestReading? = withExact(buffer) { raw in
                do throws(HTTPParseError) {
                    guard let end = try finder.find(raw) else { return nil }
                    return .head(try RequestHead.parse(UnsafeRawBufferPointer(rebasing: raw[..<end])), end: end)
                } catch {
                    return .refused
                }
            }
            if let outcome { return outcome }
        }
        return .incomplete
    }
}

struct ChunkReading: Equatable {
    var data: [UInt8] = []
    var isDone = false
    /// Bytes that were read, of those up to the end or the fault.
    var consumed = 0
    var problem: HTTPParseError?

    static func run(_ pieces: [ArraySlice<UInt8>]) -> ChunkReading {
        var reading = ChunkReading()
        var decoder = ChunkedDecoder()
        for piece in pieces {
            withExact(piece) { raw in
                var rest = raw[...]
                while !rest.isEmpty, !decoder.isDone, reading.problem == nil {
                    do throws(HTTPParseError) {
                        let (consumed, data) = try decoder.next(UnsafeRawBufferPointer(rebasing: rest))
                        reading.data += UnsafeRawBufferPointer(rebasing: rest)[data]
                        reading.consumed += consumed
                        rest = rest.dropFirst(consumed)
                    } catch {
                        // How far it had read depends on the piece, and means nothing any more.
                        reading.problem = error
                        reading.consumed = 0
                    }
                }
            }
        }
        reading.isDone = decoder.isDone
        return reading
    }
}
