import Core
import NIOCore

/// How a connection frames answers: whole, or in pieces.
extension ClientConnection: AnswerSink {
    /// Writes a whole answer of the gateway's own.
    func write(_ answer: LocalAnswer) {
        guard answer.body.count <= Limits.ahead || answerMemory.set(answer.body.count) else {
            return writeError(.outOfMemory, origin: nil)
        }
        var writer = AnswerWriter(status: answer.status, common: common, bodyCapacity: answer.body.count)
        writer.field("content-type", answer.contentType)
        for (name, value) in answer.fields { writer.field(name, value) }
        guard answer.status != 304 else {
            writer.endHeadWithoutBody()
            return writeHead(writer.bytes, flush: true)
        }
        writer.endHead(length: answer.body.count)
        if head.method != .head { writer.body(answer.body) }
        writeHead(writer.bytes, flush: true)
    }

    func writeError(_ error: ErrorBody, origin: AnswerOrigin?) {
        tell(error)
        let json = dialect.errorBody(error, requestID: requestID)
        var writer = AnswerWriter(status: error.status, common: common, bodyCapacity: json.count)
        if let origin { writer.origin(origin) }
        if let seconds = error.retryAfter { writer.field("retry-after", seconds) }
        if let allow = error.allow { writer.field("allow", allow) }
        if let known = error.acceptEncoding { writer.field("accept-encoding", known) }
        if error.isChallenge { writer.field("www-authenticate", "Bearer realm=\"nexus\"") }
        if error.status == 426 { writer.field("sec-websocket-version", "13") }
        writer.contentType(.json)
        writer.endHead(length: json.count)
        if head.method != .head { writer.body(json) }
        writeHead(writer.bytes, flush: true)
    }

    /// Tells of the failure of the last attempt.
    func writeFailure(_ failure: ExchangeFailure, body: [UInt8], origin: AnswerOrigin) {
        var writer = AnswerWriter(status: failure.clientStatus, common: common, bodyCapacity: body.count)
        var origin = origin
        origin.fields = failure.headers
        writer.origin(origin)
        if failure.headers.contains(where: { $0.name == "retry-after" }) {
            // The server's own says it to the second, or as a date.
        } else if failure.retryAfterMilliseconds > 0 {
            writer.field(
                "retry-after",
                Int(failure.retryAfterMilliseconds / 1000 + (failure.retryAfterMilliseconds % 1000 > 0 ? 1 : 0)))
        } else if failure.body.isEmpty, failure.clientStatus == 503 {
            writer.field("retry-after", 1)
        }
        writer.contentType(.json)
        writer.endHead(length: body.count)
        writer.body(body)
        writeHead(writer.bytes, flush: true)
    }

    func writeWhole(status: Int, type: AnswerType, origin: AnswerOrigin, body: ByteBuffer) {
        var body = body
        var writer = AnswerWriter(status: status, common: common, bodyCapacity: body.readableBytes)
        writer.origin(origin)
        writer.contentType(type, of: origin)
        writer.endHead(length: body.readableBytes)
        writer.body(&body)
        writeHead(writer.bytes, flush: true)
    }

    func beginPieces(status: Int, type: AnswerType, origin: AnswerOrigin?, first: ByteBuffer) {
        var first = first
        var writer = AnswerWriter(status: status, common: common, bodyCapacity: first.readableBytes + 16)
        if let origin { writer.origin(origin) }
        writer.contentType(type, of: origin)
        sendsChunks = writer.endHeadOfPieces()
        if !sendsChunks { closeAfterAnswer() }
        var bytes = writer.bytes
        // An empty chunk would be the end.
        if sendsChunks, first.readableBytes > 0 {
            AnswerWriter.chunk(&first, into: &bytes)
        } else {
            bytes.writeBuffer(&first)
        }
        writeHead(bytes, flush: false)
    }

    func writePiece(_ piece: inout ByteBuffer) {
        probe.pieceSent()
        guard sendsChunks else { return write(piece, flush: false) }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(piece.readableBytes + 16)
        AnswerWriter.chunk(&piece, into: &bytes)
        write(bytes, flush: false)
    }

    /// - Parameter last: a piece to send before the end.
    func endPieces(with last: [UInt8]) {
        var bytes = ByteBuffer()
        if !last.isEmpty {
            var event = ByteBuffer(bytes: last)
            if sendsChunks { AnswerWriter.chunk(&event, into: &bytes) } else { bytes.writeBuffer(&event) }
        }
        if sendsChunks { bytes.writeStaticString("0\r\n\r\n") }
        write(bytes, flush: true)
    }
}
