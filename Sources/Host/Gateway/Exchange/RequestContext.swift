import Core
import Dialects
import HTTP1
import NIOCore

/// Who asks.
enum Principal: Sendable {
    /// Anybody who reaches the listener.
    case anonymous
    /// Somebody who shows something that is no key.
    case stranger
    /// Somebody whose key was good until then, in Unix seconds.
    case late(Int64)
    case key(AccessKey)
    /// An operator who has signed in on the page.
    /// - Parameter isConfirmed: it was the page that sent this request, and no other.
    case session(SessionSeal.SignIn, isConfirmed: Bool)
    /// An operator, by the certificate that his connection has shown.
    case certificate(ClientCertificate)

    /// Nil: whoever it is has none that counts.
    var key: AccessKey? {
        switch self {
        case .key(let key): key
        case .session(let signIn, _): signIn.key
        case .anonymous, .stranger, .late, .certificate: nil
        }
    }

    /// Nil: it is not by having signed in that he is known.
    var session: Session? {
        if case .session(let signIn, _) = self { signIn.session } else { nil }
    }

    /// Nil: it is not by a certificate that he is known.
    var certificate: ClientCertificate? {
        if case .certificate(let certificate) = self { certificate } else { nil }
    }
}

/// What is known of a request when its head has been read: passed on to whatever handles it, and so an object.
final class RequestContext: Sendable {
    let id: String
    /// The address of the client; nil: unknown.
    let peer: SocketAddress?
    let principal: Principal
    let method: RequestHead.Method
    /// In whose words this request is answered.
    let dialect: Dialect
    /// Without the query.
    let path: String
    /// Without its question mark.
    let query: String
    /// Of the body, where it matters; empty: JSON is expected.
    let contentType: String
    /// Of the body; empty: there is none, or no body.
    let contentEncoding: String
    /// The client asks for server-sent events.
    let wantsEvents: Bool
    /// Fields of the client that a backend may pass on to its server.
    let fields: [HeaderField]
    let arrival: NIODeadline
    /// A hash of the key that the client shows; nil: it shows none.
    let credential: Int?
    /// How a client that fetches something wants it.
    let wishes: FetchWishes
    /// As the client asks for it; nil: it asks for what there is not.
    let priority: AdmissionQueue.Priority?
    /// Id or name of the only backend that may be asked (`x-nexus-backend`); nil: any.
    let onlyBackend: String?
    /// A proxy passes it on: whoever asks need not be where the connection comes from.
    let isForwarded: Bool
    /// It came over TLS.
    let isTLS: Bool

    init(
        id: String, peer: SocketAddress?, principal: Principal = .anonymous, method: RequestHead.Method,
        dialect: Dialect, path: String, query: String, contentType: String, contentEncoding: String = "",
        wantsEvents: Bool, fields: [HeaderField] = [], arrival: NIODeadline,
        credential: Int? = nil, wishes: FetchWishes = FetchWishes(),
        priority: AdmissionQueue.Priority? = .normal, onlyBackend: String? = nil,
        isForwarded: Bool = false, isTLS: Bool = false
    ) {
        self.id = id
        self.peer = peer
        self.principal = principal
        self.method = method
        self.dialect = dialect
        self.path = path
        self.query = query
        self.contentType = contentType
        self.contentEncoding = contentEncoding
        self.wantsEvents = wantsEvents
        self.fields = fields
        self.arrival = arrival
        self.credential = credential
        self.wishes = wishes
        self.priority = priority
        self.onlyBackend = onlyBackend
        self.isForwarded = isForwarded
        self.isTLS = isTLS
    }

    /// Its key, where it shows one that counts.
    var key: AccessKey? { principal.key }

    /// What its key may use; nil: everything.
    var scope: KeyScope? { principal.key?.scope }

    /// It comes from this machine, as far as can be seen.
    var isLocal: Bool { !isForwarded && (peer?.isLoopback ?? false) }

    /// By what clients that wait are told apart: their keys, or else their addresses. Where no keys are configured theirs are not
    /// checked, so that this is fair among clients that do not cheat.
    var client: AdmissionQueue.Client { key?.client ?? credential ?? peer?.ipAddress?.hashValue ?? 0 }
}

extension SocketAddress {
    /// Only this machine can be there.
    var isLoopback: Bool {
        switch self {
        case .v4(let address): UInt32(bigEndian: address.address.sin_addr.s_addr) >> 24 == 127
        case .v6:
            // 127.0.0.0/8 as IPv6 writes it is that, too.
            ipAddress == "::1" || ipAddress?.lowercased().hasPrefix("::ffff:127.") ?? false
        case .unixDomainSocket: true
        }
    }
}
