import NIOCore
import NIOPosix

/// Makes the connections to servers, so that a simulation can put a network of its own below them.
public protocol UpstreamConnector: Sendable {
    /// - Parameters:
    ///   - timeout: for the connection, all addresses of `host` together.
    ///   - prepare: called on `loop` with the channel before anything is read from it.
    func connect(
        host: String, port: Int, loop: any EventLoop, timeout: TimeAmount,
        prepare: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel>
}

/// Over TCP.
public struct SocketConnector: UpstreamConnector {
    public init() {}

    public func connect(
        host: String, port: Int, loop: any EventLoop, timeout: TimeAmount,
        prepare: @escaping @Sendable (any Channel) -> EventLoopFuture<Void>
    ) -> EventLoopFuture<any Channel> {
        ClientBootstrap(group: loop)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 4)
            .connectTimeout(timeout)
            .channelInitializer(prepare)
            .connect(host: host, port: port)
    }
}
