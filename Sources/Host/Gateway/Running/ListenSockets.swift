import Core
import Glibc
import NIOCore
import Service

/// The sockets on which clients are served: which they are, and how one is opened.
struct ListenSockets: Sendable {
    let plan: ListenPlan
    private let server: Configuration.Server

    /// Pending connections the kernel keeps.
    static let backlog: CInt = 4096

    /// Decides; opens nothing.
    /// - Throws: what is wrong with a given one.
    init(_ server: Configuration.Server, given: [GivenSocket]) throws(ServiceProblem) {
        self.server = server
        guard !given.isEmpty else {
            plan = .open(leaving: [])
            return
        }
        let given = given.map { ListenPlan.Given($0, SocketFacts.of($0.descriptor)) }
        // A host that has no address now is told of by whoever opens a socket there.
        let address = try? SocketAddress.makeAddressResolvingHost(server.host, port: server.port)
        plan = try ListenPlan.made(
            of: given, addresses: [server.host] + [address?.ipAddress].compactMap { $0 }, port: server.port)
    }

    /// Where clients would come in.
    var hosts: [String] {
        if case .given(let given, _) = plan { return given.map(\.facts.host) }
        return [server.host]
    }

    /// What was given and is not served.
    var leaving: [ListenPlan.Given] {
        switch plan {
        case .given(_, let leaving), .kept(_, let leaving), .open(let leaving): leaving
        }
    }

    /// The gateway's own listener, which may be kept for its next run.
    var isOwn: Bool {
        if case .given = plan { return false }
        return true
    }

    /// Of a listener that was there before this process; nil: there is none yet.
    var knownPort: Int? {
        switch plan {
        case .given(let given, _): given.first?.facts.port
        case .kept(let kept, _): kept.facts.port
        case .open: nil
        }
    }

    /// What the operator should know of where clients come in; nil: nothing.
    var warning: String? {
        guard case .given(let given, _) = plan else { return nil }
        let isAny = ["0.0.0.0", "::"]
        let fits = given.contains { one in
            one.facts.port == server.port
                && (one.facts.host == server.host || isAny.contains(one.facts.host) || server.host == "localhost")
        }
        guard !fits else { return nil }
        let places = given.map(\.facts.place).joined(separator: ", ")
        return "the service manager's sockets are at \(places), the configuration names \(server.host):\(server.port); "
            + "the sockets count, but commands look where the configuration says: make both the same"
    }

    /// The descriptors to serve on, each listening; whoever gets them closes them. What is not served is closed.
    func open() throws -> [CInt] {
        for one in leaving { close(one.socket.descriptor) }
        switch plan {
        case .given(let given, _):
            return given.map(\.socket.descriptor).map(Self.withoutBlocking)
        case .kept(let kept, _): return [Self.withoutBlocking(kept.socket.descriptor)]
        case .open:
            return [try Self.listener(try SocketAddress.makeAddressResolvingHost(server.host, port: server.port))]
        }
    }

    private static func withoutBlocking(_ descriptor: CInt) -> CInt {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        return descriptor
    }

    private static func listener(_ address: SocketAddress) throws -> CInt {
        let family: CInt =
            switch address {
            case .v4: AF_INET
            case .v6: AF_INET6
            case .unixDomainSocket: AF_UNIX
            }
        let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue) | CInt(SOCK_NONBLOCK.rawValue)
        let descriptor = socket(family, type, 0)
        guard descriptor >= 0 else { throw IOError(errnoCode: errno, reason: "socket") }
        // As soon as the process before has ended, though connections of its still wait for their end.
        var yes: CInt = 1
        _ = setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<CInt>.size))
        if family == AF_INET6 {
            // Whoever listens on all addresses means those of IPv4, too, whatever the system's default is.
            var no: CInt = 0
            _ = setsockopt(
                descriptor, CInt(IPPROTO_IPV6), IPV6_V6ONLY, &no, socklen_t(MemoryLayout<CInt>.size))
        }
        let isBound = address.withSockAddr { Glibc.bind(descriptor, $0, socklen_t($1)) == 0 }
        guard isBound, listen(descriptor, backlog) == 0 else {
            let problem = IOError(errnoCode: errno, reason: "bind")
            close(descriptor)
            throw problem
        }
        return descriptor
    }
}
