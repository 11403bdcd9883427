/// Runs the operator's commands.
struct OperatorAnswers {
    let state: GatewayState

    /// `POST /v1/admin/reload`.
    func reload(_ call: RouteCall, _ later: LaterAnswer) {
        let (state, remote) = (state, later.remote)
        let allowsEmpty = call.isSet("allow_empty")
        do throws(ErrorBody) {
            try state.commands.enter()
        } catch {
            return later.answer(.error(error))
        }
        Task {
            defer { state.commands.leave() }
            remote.answer(await LocalAnswers(state: state).reload(allowsEmpty: allowsEmpty))
        }
    }
}
