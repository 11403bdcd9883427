import NIOCore

/// Stops accepting for a moment when the system has no descriptor or memory for a further connection: clients wait in the
/// kernel's queue meanwhile, and the loop does not turn for nothing.
final class AcceptPause: ChannelInboundHandler {
    typealias InboundIn = Channel

    private static let pause = TimeAmount.milliseconds(200)

    private var isPaused = false

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // One connection that could not be set up is not the listener's fault, and the next one may be fine.
        guard error is IOError, !isPaused else { return }
        isPaused = true
        // It is not enough to stop reading: the socket would stay registered, and be reported at every turn.
        try? context.channel.syncOptions?.setOption(.autoRead, value: false)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: Self.pause) {
            let (handler, context) = bound.value
            handler.isPaused = false
            try? context.channel.syncOptions?.setOption(.autoRead, value: true)
        }
    }
}
