import NIOCore
import NIOHTTP1
import NIOWebSocket

/// Hands a connection whose request asks for a WebSocket to NIO's own HTTP and WebSocket handlers (RFC 6455), and lets
/// them read the request once more.
enum WebSocketUpgrade {
    /// A browser has nothing to tell; larger frames are a breach.
    static let maximumFrame = 16 * 1024

    static func takeOver(
        context: ChannelHandlerContext, handler: ClientConnection, request: ByteBuffer, loop: LoopState,
        query: WebSocketQuery
    ) throws {
        let state = NIOLoopBound(loop, eventLoop: loop.eventLoop)
        let upgrader = NIOWebSocketServerUpgrader(
            maxFrameSize: maximumFrame,
            shouldUpgrade: { channel, _ in channel.eventLoop.makeSucceededFuture(HTTPHeaders()) },
            upgradePipelineHandler: { channel, _ in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        WebSocketSession(loop: state.value, query: query))
                }
            })
        let pipeline = context.pipeline.syncOperations
        try pipeline.configureHTTPServerPipeline(
            withPipeliningAssistance: false,
            withServerUpgrade: (upgraders: [upgrader], completionHandler: { _ in }),
            withErrorHandling: true)
        context.fireChannelRead(NIOAny(request))
        context.fireChannelReadComplete()
        pipeline.removeHandler(context: context, promise: nil)
    }
}
