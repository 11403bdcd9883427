import Glibc
import Shims

/// What a given socket is, and whether clients can be served on it.
public struct SocketFacts: Sendable, Equatable {
    public enum Kind: Sendable, Equatable {
        case missing, noSocket, internet, unix, other
    }

    public var kind: Kind
    /// Connections come in order (SOCK_STREAM).
    public var isStream: Bool
    public var listens: Bool
    /// The address it is bound to, and the port.
    public var host: String
    public var port: Int

    public init(kind: Kind, isStream: Bool = true, listens: Bool = true, host: String = "", port: Int = 0) {
        self.kind = kind
        self.isStream = isStream
        self.listens = listens
        self.host = host
        self.port = port
    }

    /// As a part of an URL.
    public var place: String { host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// Why nobody can be served on it, and what to do; nil: it is fine.
    public var problem: String? {
        switch kind {
        case .missing: return "it is not open"
        case .noSocket: return "it is no socket; LISTEN_FDS counts sockets alone"
        case .unix: return "it is a Unix socket, and nexus serves TCP; name a port in ListenStream="
        case .other: return "it is no socket of the internet; name a port in ListenStream="
        case .internet: break
        }
        guard isStream else { return "it takes datagrams; use ListenStream= instead of ListenDatagram=" }
        guard listens else {
            return "it does not listen: it is a connection, or Accept=yes is set; use Accept=no"
        }
        return nil
    }

    /// Looks at a descriptor of this process.
    public static func of(_ descriptor: CInt) -> SocketFacts {
        var facts = nexus_socket_facts()
        guard nexus_socket_look(descriptor, &facts) == 0 else {
            return SocketFacts(kind: .missing, isStream: false, listens: false)
        }
        let kind: Kind =
            switch facts.family {
            case -1: .noSocket
            case AF_INET, AF_INET6: .internet
            case AF_UNIX: .unix
            default: .other
            }
        let host = withUnsafeBytes(of: &facts.host) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return SocketFacts(
            kind: kind, isStream: facts.type == CInt(SOCK_STREAM.rawValue), listens: facts.listens != 0, host: host,
            port: Int(facts.port))
    }
}
