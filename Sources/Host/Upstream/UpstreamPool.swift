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
        /// A body above this is sent behind the head instead of being copied into one buffer with it.
        public static let copiedBody = 16 * 1024
        /// From the first byte of an answer's head to its end, where connecting has no limit. It comes at once or not at all.
        public static let head = TimeAmount.seconds(5)
        /// Nanoseconds: a 408 that comes sooner over a kept connection was not meant for the request.
        static let unaskedTime: UInt64 = 1_000_000_000
    }

    public let target: UpstreamTarget
    /// Until a connection is there, TCP and TLS together; nil: no limit.
    private let connectLimit: TimeAmount?
    private let loop: any EventLoop
    private let tlsContext: @Sendable () throws -> NIOSSLContext
    private let connector: any UpstreamConnector
    private var idle: [UpstreamConnection] = []
    private var isClosed = false
    /// Grows when connections that were made before are not to be kept any more.
    private(set) var generation = 0
    /// From the first byte of an answer's head to its end.
    var headLimit: TimeAmount { connectLimit ?? Limits.head }

    /// - Parameters:
    ///   - connectLimit: until a connection is there, TCP and TLS together; nil: no limit.
    ///   - tlsContext: asked for at the first connection to a TLS target.
    public init(
        target: UpstreamTarget, connectLimit: TimeAmount? = .seconds(5), loop: any EventLoop,
        connector: any UpstreamConnector = SocketConnector(),
        tlsContext: @escaping @Sendable () throws -> NIOSSLContext
    ) {
        self.connector = connector
        self.target = target
        self.connectLimit = connectLimit
        self.loop = loop
        self.tlsContext = tlsContext
    }

    /// Starts a request whose head is complete in `head`; events follow, never inside this call.
    /// - Parameter connectLimit: until a connection is there; `.some(nil)`: any time, nil: the pool's.
    public func start(
        head: ByteBuffer, body: ByteBuffer?, bodyless: Bool, connectLimit: TimeAmount?? = nil,
        delegate: any UpstreamCallDelegate
    ) -> UpstreamCall {
        let call = UpstreamCall(
            head: head, body: body, bodyless: bodyless, authority: target.authority, delegate: delegate, loop: loop)
        call.connectLimit = connectLimit
        if let connection = takeIdle() {
            connection.run(call)
        } else {
            connect(for: call)
        }
        call.isStarting = false
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

    /// Whom to trust has changed: connections over TLS that are there end with the call that uses them.
    public func renewTLS() {
        guard target.isTLS else { return }
        generation += 1
        for connection in idle { connection.close() }
        idle.removeAll()
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
        guard !isClosed, connection.generation == generation, idle.count < Limits.idle else {
            connection.close()
            return
        }
        connection.idleSince = loop.now
        idle.append(connection)
    }

    // MARK: Connecting

    func connect(for call: UpstreamCall) {
        let tls: NIOSSLContext?
        do {
            tls = target.isTLS ? try tlsContext() : nil
        } catch {
            LocalShortage.note(error)
            let message = "TLS could not be set up for \(target.authority): \(ErrorWords.describe(error))"
            let boundCall = NIOLoopBound(call, eventLoop: loop)
            loop.execute { boundCall.value.end(.refused(message)) }
            return
        }
        let limit = call.connectLimit ?? connectLimit
        let connecting = Connecting(call, target: target, limit: limit, loop: loop)
        connecting.begin()
        // Counted from here on: many may begin before the first has come about.
        UpstreamSockets.open.add(1, ordering: .relaxed)
        let bound = NIOLoopBound((self, connecting), eventLoop: loop)
        makeChannel(tls: tls, for: connecting, limit: limit).assumeIsolated().whenComplete { result in
            UpstreamSockets.open.subtract(1, ordering: .relaxed)
            let (pool, connecting) = bound.value
            switch result {
            case .success(let channel):
                guard let connection = try? channel.pipeline.syncOperations.handler(type: UpstreamConnection.self)
                else {
                    channel.close(promise: nil)
                    return connecting.failed(.refused("\(pool.target.authority): the connection was closed"))
                }
                connecting.made(connection)
            case .failure(let error):
                LocalShortage.note(error)
                connecting.failed(.refused("\(pool.target.authority): \(ConnectFailure.describe(error))"))
            }
        }
    }

    /// A channel whose TCP connection is there.
    private func makeChannel(
        tls: NIOSSLContext?, for connecting: Connecting, limit: TimeAmount?
    ) -> EventLoopFuture<any Channel> {
        let bound = NIOLoopBound((self, connecting), eventLoop: loop)
        // `Connecting` counts the time; this only ends what is no longer wanted.
        let timeout = (limit ?? .hours(24)) + .seconds(1)
        return connector.connect(host: target.host, port: target.port, loop: loop, timeout: timeout) { channel in
            channel.eventLoop.makeCompletedFuture {
                let (pool, connecting) = bound.value
                try connecting.willConnect(channel)
                try pool.setUp(channel, tls: tls)
            }
        }
    }

    private func setUp(_ channel: any Channel, tls: NIOSSLContext?) throws {
        if let tls {
            try channel.pipeline.syncOperations.addHandler(
                NIOSSLClientHandler(context: tls, serverHostname: Self.serverName(target.host)))
        }
        try channel.pipeline.syncOperations.addHandler(UpstreamConnection(pool: self, isTLS: tls != nil))
    }

    /// Server name indication takes names only (RFC 6066, section 3).
    private static func serverName(_ host: String) -> String? {
        let isAddress =
            host.utf8.contains(UInt8(ascii: ":"))
            || host.utf8.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
        return isAddress ? nil : host
    }
}
