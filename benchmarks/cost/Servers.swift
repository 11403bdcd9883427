import NIOCore
import NIOEmbedded
import Upstream

/// Makes connections in memory, and knows on which of them a request waits for its answer.
///
/// Invariant behind the unchecked Sendable: there is one thread.
final class Servers: UpstreamConnector, @unchecked Sendable {
    private let loop: EmbeddedEventLoop
    private var channels: [EmbeddedChannel] = []

    init(_ loop: EmbeddedEventLoop) { self.loop = loop }

    func connect(
        host: String, port: Int, loop: any EventLoop, timeout: TimeAmount,
        prepare: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        let channel = EmbeddedChannel(loop: self.loop)
        channel.allowOptionsWhenClosed = true
        channels.append(channel)
        return prepare(channel).flatMapThrowing {
            channel.connect(to: try SocketAddress(ipAddress: "10.0.0.1", port: port), promise: nil)
            return channel
        }
    }

    /// The connection on which a request has come since the last call.
    func asked() throws -> EmbeddedChannel? {
        for channel in channels {
            var hasCome = false
            while try channel.readOutbound(as: ByteBuffer.self) != nil { hasCome = true }
            if hasCome { return channel }
        }
        return nil
    }
}
