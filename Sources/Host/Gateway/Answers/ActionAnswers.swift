import AdapterHost
import Core
import JSON
import NIOCore

/// The operator's actions over HTTP: lists them, runs them, cancels them.
struct ActionAnswers {
    let state: GatewayState

    // MARK: Lists

    /// `GET /v1/backends/{id}/actions`.
    func list(backend id: String) -> LocalAnswer {
        let actions: [AdapterAction]
        do throws(ErrorBody) {
            actions = try backend(id).offeredActions
        } catch {
            return .error(error)
        }
        return ActionDocuments.list(actions)
    }

    /// `GET /v1/actions`.
    var running: LocalAnswer { ActionDocuments.records(state.actions.records) }

    private func backend(_ id: String) throws(ErrorBody) -> AdapterBackend {
        guard id.utf8.count <= RequestPeek.maximumName else {
            throw ErrorBody(status: 400, message: "The id of the backend is too long; see GET /v1/backends.")
        }
        guard let backend = state.registry.snapshot.backends.first(where: { $0.identity.id == id }) else {
            throw ErrorBody(
                status: 404, message: "There is no backend '\(EntryLimits.cut(id, to: 200))'; see GET /v1/backends.",
                code: "backend_not_found")
        }
        guard let driver = backend.driver as? AdapterBackend else {
            throw ErrorBody(
                status: 503,
                message: "The backend '\(id)' cannot be used" + (backend.lastError.map { ": \($0)" } ?? "."),
                type: "service_unavailable_error", code: "backend_unusable")
        }
        return driver
    }

    // MARK: Running one

    /// `POST /v1/backends/{id}/actions/{name}`.
    func run(_ name: String, backend id: String, _ command: OperatorCommand, _ later: LaterAnswer) {
        do throws(ErrorBody) {
            let backend = try backend(id)
            guard let action = backend.offeredAction(named: name) else {
                throw ErrorBody(
                    status: 404,
                    message: "The backend '\(id)' offers no action '\(EntryLimits.cut(name, to: 100))' now; "
                        + "see GET /v1/backends/{id}/actions.", code: "action_not_found")
            }
            let arguments = try Self.arguments(command.body, for: action)
            if QueryFlags.isSet("detach", in: command.query) {
                let run = try start(action, backend, arguments) { _ in }
                later.answer(ActionDocuments.accepted(run.progress))
            } else if command.wantsEvents || QueryFlags.isSet("stream", in: command.query) {
                try stream(action, backend, arguments, later)
            } else {
                try whole(action, backend, arguments, later)
            }
        } catch {
            later.answer(.error(error))
        }
    }

    private static func arguments(
        _ body: ByteBuffer, for action: AdapterAction
    ) throws(ErrorBody) -> ActionArguments {
        var given: JSONValue = [:]
        if body.readableBytes > 0 {
            do throws(JSONError) {
                given = try JSONValue.parse(Array(body.readableBytesView))
            } catch {
                throw ErrorBody(
                    status: 400, message: "The arguments are not JSON: \(error.reason) at byte \(error.offset).")
            }
        }
        do throws(ArgumentProblem) {
            return try ActionArguments(given, for: action.signature)
        } catch {
            throw ErrorBody(
                status: 400, message: error.message, param: error.argument, code: "invalid_argument")
        }
    }

    private func start(
        _ action: AdapterAction, _ backend: AdapterBackend, _ arguments: ActionArguments,
        observe: @escaping @Sendable (ActionRun.Event) -> Void
    ) throws(ErrorBody) -> ActionRun {
        let run: ActionRun
        do throws(ActionRuns.Refusal) {
            run = try state.actions.start(action, at: backend, arguments, observe: observe)
        } catch {
            switch error {
            case .tooMany:
                throw ErrorBody(
                    status: 503,
                    message: "\(ActionRuns.Limits.running) actions run already, which is the most; try again when one "
                        + "has ended (GET /v1/actions).",
                    type: "service_unavailable_error", code: "too_many_actions", retryAfter: 5)
            case .backendGone:
                throw ErrorBody(
                    status: 503, message: "The backend is being removed, or the gateway ends.",
                    type: "service_unavailable_error", code: "backend_gone")
            }
        }
        state.logger.info(
            "action started",
            metadata: ["backend": "\(run.progress.backendID)", "action": "\(action.name)", "id": "\(run.id)"])
        return run
    }

    private func whole(
        _ action: AdapterAction, _ backend: AdapterBackend, _ arguments: ActionArguments, _ later: LaterAnswer
    ) throws(ErrorBody) {
        let remote = later.remote
        let run = try start(action, backend, arguments) { event in
            guard case .ended(let end) = event else { return }
            remote.answer(ActionDocuments.answer(end))
        }
        later.onClientGone { run.cancel() }
    }

    private func stream(
        _ action: AdapterAction, _ backend: AdapterBackend, _ arguments: ActionArguments, _ later: LaterAnswer
    ) throws(ErrorBody) {
        let remote = later.remote
        let run = try start(action, backend, arguments) { event in
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
        later.begin(type: .eventStream)
        later.onClientGone { run.cancel() }
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
