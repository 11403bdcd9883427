import Core
import Dialects
import HTTP1
import NIOCore

/// Who asks.
enum Principal: Sendable, Equatable {
    /// Anybody who reaches the listener.
    case anonymous
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

    init(
        id: String, peer: SocketAddress?, principal: Principal = .anonymous, method: RequestHead.Method,
        dialect: Dialect, path: String, query: String, contentType: String, contentEncoding: String = "",
        wantsEvents: Bool, fields: [HeaderField] = [], arrival: NIODeadline,
        credential: Int? = nil, wishes: FetchWishes = FetchWishes(),
        priority: AdmissionQueue.Priority? = .normal, onlyBackend: String? = nil
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
    }

    /// By what clients that wait are told apart: their keys, or else their addresses. Keys are not checked here, so this is
    /// fair among clients that do not cheat.
    var client: AdmissionQueue.Client { credential ?? peer?.ipAddress?.hashValue ?? 0 }
}
