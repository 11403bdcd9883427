import NIOCore
import NIOSSL

/// Connections of one event loop to one server, kept alive and reused newest first. Everything here happens on
/// that loop.
public final class UpstreamPool {
    public enum Limits {
        /// Idle connections that are kept.
        public static let idle = 512
        /// An idle connection is closed after that; below the keep-alive time-out of common servers.
        public static let idleTime = TimeAmount.seconds(55)
        /// To the end of the TCP (and TLS) handshake.
        public static let connectTime = TimeAmount.seconds(5)
        /// A body above this is sent behind the head instead of being copied into one buffer with it.
        public static let copiedBody = 16 * 1024
    }

    public let target: UpstreamTarget
    private let loop: any EventLoop
    private let tlsContext: @Sendable () throws -> NIOSSLContext
    private let connector: any UpstreamConnector
    private var idle: [UpstreamConnection] = []
    private var isClosed = false

    /// - Parameter tlsContext: asked for at the first connection to a TLS target.
    public init(
        target: UpstreamTarget, loop: any EventLoop, connector: any UpstreamConnector = SocketConnector(),
        tlsContext: @escaping @Sendable () throws -> NIOSSLContext
    ) {
        self.connector = connector
        self.target = target
        self.loop = loop
        self.tlsContext = tlsContext
    }

    /// Starts a request whose head is complete in `head`; events follow, never inside this call.
    public func start(
        head: ByteBuffer, body: ByteBuffer?, bodyless: Bool, delegate: any UpstreamCallDelegate
    ) -> UpstreamCall {
        let call = UpstreamCall(head: head, body: body, bodyless: bodyless, delegate: delegate, loop: loop)
        if let connection = takeIdle() {
            connection.run(call)
        } else {
            connect(for: call)
        }
        return call
    }

    /// Closes what has been idle for too long; to be called about once a second.
    public func sweep(now: NIODeadline) {
        let limit = now - Limits.idleTime
        guard let first = idle.first, first.idleSince < limit || !first.isUsable else { return }
        idle.removeAll { connection in
            if connection.isUsable && connection.idleSince >= limit { return false }
            connection.close()
            return true
        }
    }

    /// Closes idle connections; those in use are closed when their call has ended.
    public func shutdown() {
        isClosed = true
        for connection in idle { connection.close() }
        idle.removeAll()
    }

    private func takeIdle() -> UpstreamConnection? {
        while let connection = idle.popLast() {
            if connection.isUsable { return connection }
        }
        return nil
    }

    func release(_ connection: UpstreamConnection) {
        guard !isClosed, idle.count < Limits.idle else {
            connection.close()
            return
        }
        connection.idleSince = loop.now
        idle.append(connection)
    }

    // MARK: Connecting

    func connect(for call: UpstreamCall) {
        let pool = NIOLoopBound(self, eventLoop: loop)
        let boundCall = NIOLoopBound(call, eventLoop: loop)
        let target = target
        let tls: NIOSSLContext?
        do {
            tls = target.isTLS ? try tlsContext() : nil
        } catch {
            LocalShortage.note(error)
            let message = "TLS could not be set up for \(target.authority): \(error)"
            loop.execute { boundCall.value.end(.refused(message)) }
            return
        }
        let loop = loop
        // Counted from here on: many may begin before the first has come about.
        UpstreamSockets.open.add(1, ordering: .relaxed)
        let connected = connector.connect(
            host: target.host, port: target.port, loop: loop, timeout: Limits.connectTime
        ) { channel in
            channel.eventLoop.makeCompletedFuture {
                if let tls {
                    try channel.pipeline.syncOperations.addHandler(
                        NIOSSLClientHandler(context: tls, serverHostname: Self.serverName(target.host)))
                }
                try channel.pipeline.syncOperations.addHandler(
                    UpstreamConnection(pool: pool.value, awaitsHandshake: tls != nil))
            }
        }
        connected.assumeIsolated()
            .whenComplete { result in
                UpstreamSockets.open.subtract(1, ordering: .relaxed)
                let call = boundCall.value
                switch result {
                case .success(let channel):
                    guard call.isLive,
                        let connection = try? channel.pipeline.syncOperations.handler(type: UpstreamConnection.self)
                    else {
                        channel.close(promise: nil)
                        return
                    }
                    connection.run(call)
                case .failure(let error):
                    LocalShortage.note(error)
                    call.end(.refused("\(target.authority): \(ConnectFailure.describe(error))"))
                }
            }
    }

    /// Server name indication takes names only (RFC 6066, section 3).
    private static func serverName(_ host: String) -> String? {
        let isAddress =
            host.utf8.contains(UInt8(ascii: ":"))
            || host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
        return isAddress ? nil : host
    }
}
