import HTTP1
import NIOCore

/// A request that changes something here, from a page of this site or from no page at all.
struct OperatorCommand {
    var route: Route
    var method: RequestHead.Method
    var query: String
    var body: ByteBuffer
    /// The client asks for server-sent events.
    var wantsEvents: Bool
}

/// Runs the operator's commands.
struct OperatorAnswers {
    let state: GatewayState

    /// Leads to exactly one answer, perhaps already inside this call. On the connection's event loop.
    func run(_ command: OperatorCommand, _ later: LaterAnswer) {
        switch command.route {
        case .reload:
            let (state, remote) = (state, later.remote)
            let allowsEmpty = QueryFlags.isSet("allow_empty", in: command.query)
            Task { remote.answer(await state.localAnswers.reload(allowsEmpty: allowsEmpty)) }
        case .runAction(let name, let backend):
            ActionAnswers(state: state).run(name, backend: backend, command, later)
        case .action(let id): ActionAnswers(state: state).cancel(id: id, later)
        default: later.answer(.error(ErrorBody(status: 404, message: "Unknown path.", code: "unknown_path")))
        }
    }
}
