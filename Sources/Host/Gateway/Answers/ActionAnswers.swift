import Core
import JSON
import NIOCore

/// The operator's actions over HTTP: lists them, runs them, cancels them.
struct ActionAnswers {
    let state: GatewayState

    // MARK: Lists

    /// `GET /v1/backends/{id}/actions`.
    func list(backend id: String) -> LocalAnswer {
        let actions: [BackendAction]
        do throws(ErrorBody) {
            actions = try backend(id).offeredActions
        } catch {
            return .error(error)
        }
        return ActionDocuments.list(actions)
    }

    /// `GET /v1/actions`.
    var running: LocalAnswer { ActionDocuments.records(state.actions.records) }

    private func backend(_ id: String) throws(ErrorBody) -> any BackendDriver {
        guard id.utf8.count <= RequestPeek.maximumName else {
            throw ErrorBody(status: 400, message: "The id of the backend is too long; see GET /v1/backends.")
        }
        guard let backend = state.registry.snapshot.backends.first(where: { $0.identity.id == id }) else {
            throw ErrorBody(
                status: 404, message: "There is no backend '\(EntryLimits.cut(id, to: 200))'; see GET /v1/backends.",
                code: "backend_not_found")
        }
        guard backend.driver.isUsable else {
            throw ErrorBody(
                status: 503,
                message: "The backend '\(id)' cannot be used" + (backend.lastError.map { ": \($0)" } ?? "."),
                type: "service_unavailable_error", code: "backend_unusable")
        }
        return backend.driver
    }

    // MARK: Running one

    /// `POST /v1/backends/{id}/actions/{name}`.
    func run(_ call: RouteCall, _ later: LaterAnswer) {
        do throws(ErrorBody) {
            let (id, name) = (call.values[0], call.values[1])
            let order = Order(
                name: name, backendID: id, backend: try backend(id), arguments: try Self.arguments(call.body))
            if call.isSet("detach") {
                let run = try start(order) { _ in }
                later.answer(ActionDocuments.accepted(run.progress))
            } else if call.context.wantsEvents || call.isSet("stream") {
                try stream(order, later)
            } else {
                try whole(order, later)
            }
        } catch {
            later.answer(.error(error))
        }
    }

    /// What is to be run, and where.
    private struct Order {
        var name: String
        var backendID: String
        var backend: any BackendDriver
        var arguments: JSONValue
    }

    private static func arguments(_ body: ByteBuffer) throws(ErrorBody) -> JSONValue {
        guard body.readableBytes > 0 else { return [:] }
        do throws(JSONError) {
            return try JSONValue.parse(Array(body.readableBytesView))
        } catch {
            throw ErrorBody(
                status: 400, message: "The arguments are not JSON: \(error.reason) at byte \(error.offset).")
        }
    }

    private func start(
        _ order: Order, observe: @escaping @Sendable (ActionEvent) -> Void
    ) throws(ErrorBody) -> any ActionRunning {
        let run: any ActionRunning
        do throws(ActionRefusal) {
            run = try state.actions.start(order.name, at: order.backend, order.arguments, observe: observe)
        } catch {
            throw Self.refusal(error, order)
        }
        state.logs.operators.info(
            "action started",
            metadata: ["backend": "\(run.progress.backendID)", "action": "\(order.name)", "id": "\(run.id)"])
        return run
    }

    private static func refusal(_ refusal: ActionRefusal, _ order: Order) -> ErrorBody {
        switch refusal {
        case .notOffered:
            ErrorBody(
                status: 404,
                message: "The backend '\(order.backendID)' offers no action '\(EntryLimits.cut(order.name, to: 100))' "
                    + "now; see GET /v1/backends/{id}/actions.", code: "action_not_found")
        case .badArguments(let problem):
            ErrorBody(
                status: 400, message: problem.message, param: problem.argument, code: "invalid_argument")
        case .tooMany:
            ErrorBody(
                status: 503,
                message: "\(ActionRuns.Limits.running) actions run already, which is the most; try again when one "
                    + "has ended (GET /v1/actions).",
                type: "service_unavailable_error", code: "too_many_actions", retryAfter: 5)
        case .backendGone:
            ErrorBody(
                status: 503, message: "The backend is being removed, or the gateway ends.",
                type: "service_unavailable_error", code: "backend_gone")
        }
    }

    private func whole(_ order: Order, _ later: LaterAnswer) throws(ErrorBody) {
        let remote = later.remote
        let run = try start(order) { event in
            guard case .ended(let end) = event else { return }
            remote.answer(ActionDocuments.answer(end))
        }
        later.onClientGone { run.cancel() }
    }

    private func stream(_ order: Order, _ later: LaterAnswer) throws(ErrorBody) {
        let remote = later.remote
        let run = try start(order) { event in
            remote.run { later in
                switch event {
                case .progress(let progress):
                    // A client that reads slowly gets the next one, which tells more.
                    if later.isWritable { later.write(ActionDocuments.event(progress)) }
                case .ended(let end):
                    later.write(ActionDocuments.event(end))
                    later.end()
                }
            }
        }
        // Before what the run tells: that comes in a later turn of this loop.
        later.onClientGone { run.cancel() }
        later.begin(type: .eventStream)
    }

    /// `DELETE /v1/actions/{id}`.
    func cancel(id: String, _ later: LaterAnswer) {
        guard state.actions.cancel(id: id) else {
            return later.answer(
                .error(
                    ErrorBody(
                        status: 404, message: "No action of that id is under way; see GET /v1/actions.",
                        code: "action_not_found")))
        }
        later.answer(ActionDocuments.cancelling(id))
    }
}

/// Flags in a query: `name`, `name=true` and `name=1`.
enum QueryFlags {
    static func isSet(_ name: String, in query: String) -> Bool {
        query.split(separator: "&").contains { $0 == name || $0 == "\(name)=true" || $0 == "\(name)=1" }
    }
}
