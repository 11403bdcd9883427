/// How the file descriptors of the process are shared out, so that clients can never use up what backends, adapters, the
/// configuration and an operator need. Pure.
struct DescriptorLimits: Sendable, Equatable {
    /// Client connections that may be open; a further one takes the place of an idle one.
    let clients: Int
    /// Further ones that are accepted when none is idle; they are answered by the gateway itself alone.
    let reserve: Int
    /// Connections of clients and to backends together, beyond which no exchange begins.
    let sockets: Int

    /// - Parameter limit: descriptors that the process may have open (RLIMIT_NOFILE).
    init(limit: Int) {
        // For adapters' files, the watcher, timers, the log, and whatever else is not a socket.
        let files = min(max(limit / 8, 48), 1024)
        let usable = max(16, limit - files)
        reserve = min(64, usable / 8)
        sockets = usable
        // The rest is for connections to backends.
        clients = max(8, usable - usable / 4 - reserve)
    }
}

/// One loop's part of the limits.
struct ClientQuota: Sendable {
    enum Admission {
        case ordinary, reserve, refused
        /// The client has as many as this already.
        case crowded(Int)
    }

    /// Idle connections that are compared to find the one that makes room.
    static let looks = 64

    let clients: Int
    let reserve: Int
    let sockets: Int
    let loops: Int

    init(_ limits: DescriptorLimits, loops: Int) {
        self.loops = max(1, loops)
        clients = max(1, limits.clients / self.loops)
        reserve = max(1, limits.reserve / self.loops)
        sockets = limits.sockets
    }
}
