import HTTP1
import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Turns a connection whose request asks for it into a WebSocket (RFC 6455, section 4.2).
enum WebSocketUpgrade {
    /// The client's key.
    /// - Throws: `ErrorBody` for a request that cannot become a WebSocket.
    static func key(of head: RequestHead, _ bytes: ByteBuffer) throws(ErrorBody) -> String {
        func text(_ span: Range<Int>?) -> String? {
            span.flatMap { bytes.getString(at: bytes.readerIndex + $0.lowerBound, length: $0.count) }
        }
        guard head.minorVersion == 1, head.framing == .none else {
            throw ErrorBody(status: 400, message: "A WebSocket begins with a GET of HTTP/1.1 without a body.")
        }
        guard text(head.webSocketVersion) == "13" else {
            throw ErrorBody(status: 426, message: "The only version of WebSocket that is spoken here is 13.")
        }
        guard let key = text(head.webSocketKey), isKey(key) else {
            throw ErrorBody(status: 400, message: "Sec-WebSocket-Key must be 16 bytes in base64.")
        }
        return key
    }

    private static func isKey(_ key: String) -> Bool {
        key.utf8.count == 24 && key.hasSuffix("==")
            && key.utf8.dropLast(2).allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "+"), UInt8(ascii: "/"): true
                default: false
                }
            }
    }

    /// Answers the request, and puts a session in the place of the connection's handler.
    /// - Parameter rest: what the client has sent behind the request.
    static func takeOver(
        context: ChannelHandlerContext, handler: ClientConnection, key: String, rest: ByteBuffer, loop: LoopState,
        opening: WebSocketSession.Opening
    ) {
        // NIO's upgrader makes the answer to the key.
        let upgrader = NIOWebSocketServerUpgrader(
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
            upgradePipelineHandler: { channel, _ in channel.eventLoop.makeSucceededVoidFuture() })
        var request = HTTPRequestHead(version: .http1_1, method: .GET, uri: "/ws")
        request.headers = ["sec-websocket-key": key, "sec-websocket-version": "13"]
        let bound = NIOLoopBound((context, handler, loop), eventLoop: context.eventLoop)
        upgrader.buildUpgradeResponse(
            channel: context.channel, upgradeRequest: request, initialResponseHeaders: [:]
        ).assumeIsolated().whenComplete { result in
            let (context, handler, loop) = bound.value
            do {
                try switchOver(context, handler, try result.get(), rest, loop, opening)
            } catch {
                opening.watching?.watch.end()
                context.close(promise: nil)
            }
        }
    }

    private static func switchOver(
        _ context: ChannelHandlerContext, _ handler: ClientConnection, _ headers: HTTPHeaders, _ rest: ByteBuffer,
        _ loop: LoopState, _ opening: WebSocketSession.Opening
    ) throws {
        var answer = ByteBuffer(staticString: "HTTP/1.1 101 Switching Protocols\r\n")
        for (name, value) in headers { answer.writeString("\(name.lowercased()): \(value)\r\n") }
        answer.writeStaticString("\r\n")
        context.writeAndFlush(NIOAny(answer), promise: nil)
        let pipeline = context.pipeline.syncOperations
        let session = WebSocketSession(loop: loop, opening)
        session.place = handler.place
        try pipeline.addHandler(session)
        if rest.readableBytes > 0 { context.fireChannelRead(NIOAny(rest)) }
        pipeline.removeHandler(context: context, promise: nil)
    }
}
