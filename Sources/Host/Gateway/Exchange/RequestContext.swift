import Core
import Dialects
import HTTP1
import NIOCore

/// Who asks.
enum Principal: Sendable, Equatable {
    /// Anybody who reaches the listener.
    case anonymous
}

/// What is known of a request when its head has been read: passed on to whatever handles it.
struct RequestContext: Sendable {
    var id: String
    /// The address of the client; nil: unknown.
    var peer: SocketAddress?
    var principal = Principal.anonymous
    var method: RequestHead.Method
    /// In whose words this request is answered.
    var dialect: Dialect
    /// Without the query.
    var path: String
    /// Without its question mark.
    var query: String
    /// Of the body, where it matters; empty: JSON is expected.
    var contentType: String
    /// Of the body; empty: there is none, or no body.
    var contentEncoding = ""
    /// The client asks for server-sent events.
    var wantsEvents: Bool
    /// Fields of the client that a backend may pass on to its server.
    var fields: [HeaderField] = []
    var arrival: NIODeadline
}
