import Core
import HTTP1
import NIOCore

/// One entry of the table of routes.
final class Route: Sendable {
    /// Who may use it.
    enum Access: Sendable, Equatable {
        /// Anybody: what a load balancer or a browser needs before it can show who it is.
        case everybody
        /// The same, but from no page of another origin: it is where operators sign in.
        case door
        /// Whoever may send requests to models.
        case client
        /// Whoever may see how the gateway runs.
        case view
        /// Whoever may see and change how the gateway runs.
        case `operator`
    }

    /// How much of a body is read.
    enum Body: Sendable, Equatable {
        /// As much as `server.max_body_bytes` says.
        case request
        /// What a command needs: a name, a few arguments.
        case command

        /// Bytes of a command's body.
        static let commandLimit = 64 * 1024
    }

    enum Handler: Sendable {
        /// It goes to a backend.
        case exchange(RequestKind)
        /// It is answered here.
        /// - Parameters:
        ///   - size: about how many bytes the answer has, or are read to make it; cheap.
        ///   - answer: on the event loop if `size` is small, else on another thread.
        case answer(
            size: @Sendable (GatewayState) -> Int = { _ in 0 }, answer: @Sendable (RouteCall) -> LocalAnswer)
        /// It leads to exactly one answer, perhaps already inside the call. On the connection's event loop.
        case later(@Sendable (RouteCall, LaterAnswer) -> Void)
        /// The same, and it changes nothing: what it tells has to be fetched from elsewhere.
        case lookup(@Sendable (RouteCall, LaterAnswer) -> Void)
        /// It is known, and never served.
        case refuse(@Sendable (RequestContext) -> ErrorBody)
        /// The connection becomes a WebSocket if the client asks for that.
        case webSocket
    }

    let methods: [RequestHead.Method]
    let pattern: PathPattern
    let access: Access
    let body: Body
    /// For the reference, and for programs that make clients of it.
    let says: Operation
    let handler: Handler

    /// Clients of models use it, from pages of origins that the operator allows as well.
    var isForClients: Bool { access == .client || access == .everybody }

    /// - Parameter method: `.get` stands for HEAD as well.
    init(
        _ methods: RequestHead.Method..., path: String, access: Access, body: Body = .command, says: Operation,
        _ handler: Handler
    ) {
        self.methods = methods.contains(.get) ? methods + [.head] : methods
        pattern = PathPattern(path)
        self.access = access
        self.body = body
        self.says = says
        self.handler = handler
    }
}

/// A request as a route's handler gets it.
struct RouteCall: Sendable {
    var state: GatewayState
    var context: RequestContext
    /// What stands in the places of the route's pattern, in order.
    var values: [String]
    var body: ByteBuffer

    /// A flag of the query: `name`, `name=true` or `name=1`.
    func isSet(_ flag: String) -> Bool { QueryFlags.isSet(flag, in: context.query) }
}

extension RequestHead.Method {
    /// As it is written in Allow.
    var text: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .other: ""
        }
    }
}
