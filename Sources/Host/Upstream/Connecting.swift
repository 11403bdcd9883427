import Core
import NIOCore

/// One connection while it is being made for a call: first TCP, then TLS where the server speaks it. It is over when the
/// connection can carry the request, cannot be made, or took too long; or when it is no longer wanted. Lives on one event
/// loop.
final class Connecting {
    private enum Phase { case tcp, handshake, over }

    private let call: UpstreamCall
    private let target: UpstreamTarget
    /// For TCP and TLS together; nil: none.
    private let limit: TimeAmount?
    private let loop: any EventLoop
    private var phase = Phase.tcp
    /// What is being connected: of a host with several addresses more than one at a time.
    private var sockets: [any Channel] = []
    /// Once TCP is there.
    private var connection: UpstreamConnection?
    private var timer: Scheduled<Void>?

    init(_ call: UpstreamCall, target: UpstreamTarget, limit: TimeAmount?, loop: any EventLoop) {
        self.call = call
        self.target = target
        self.limit = limit
        self.loop = loop
    }

    func begin() {
        call.attach(self)
        call.reached(.connecting)
        guard let limit else { return }
        let bound = NIOLoopBound(self, eventLoop: loop)
        timer = loop.scheduleTask(in: limit) { bound.value.expire() }
    }

    /// A socket is about to be connected. Where nobody wants it any more, it is not.
    func willConnect(_ socket: any Channel) throws {
        guard phase == .tcp else { throw ChannelError.ioOnClosedChannel }
        sockets.append(socket)
    }

    /// TCP is there.
    func made(_ connection: UpstreamConnection) {
        guard phase == .tcp else { return connection.drop() }
        self.connection = connection
        sockets = []
        phase = .handshake
        connection.whenReady(self)
        if phase == .handshake { call.reached(.handshaking) }
    }

    /// The connection can carry the request.
    func isReady() {
        guard let connection = end() else { return }
        connection.run(call)
    }

    func failed(_ end: UpstreamEnd) {
        guard phase != .over else { return }
        _ = self.end()
        call.end(end)
    }

    /// The call is not interested any more.
    func abandon() { self.end()?.drop() }

    private func expire() {
        guard phase != .over else { return }
        let what = phase == .tcp ? "TCP connection to" : "TLS handshake with"
        let limit = Duration.nanoseconds(limit?.nanoseconds ?? 0).inSeconds
        self.end()?.drop()
        call.end(.connectTimedOut("no connection within \(limit) (\(what) \(target.endpoint))"))
    }

    /// The connection, if it is there and was still wanted. What is being connected is given up at once: the system would try for
    /// minutes.
    private func end() -> UpstreamConnection? {
        phase = .over
        timer?.cancel()
        timer = nil
        let (unfinished, made) = (sockets, connection)
        (sockets, connection) = ([], nil)
        for socket in unfinished { socket.close(promise: nil) }
        return made
    }
}
