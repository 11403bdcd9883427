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
    /// The client asks for server-sent events.
    var wantsEvents: Bool
    var arrival: NIODeadline
}
