import AdapterHost
import Config
import Core
import JSON
import NIOCore

/// The operator's changes of backends over HTTP.
struct BackendAnswers {
    let state: GatewayState

    /// `GET /v1/backends/{id}`.
    func one(_ id: String) -> LocalAnswer {
        let views = state.registry.views
        guard let view = views.first(where: { $0.id == id }) else {
            return .error(.unknownBackend(id, among: views.map(\.id)))
        }
        return LocalAnswer(body: ContractEncoder.backend(view))
    }

    /// `GET /v1/backends/{id}/detail`.
    func detail(_ id: String) -> LocalAnswer {
        let views = state.registry.views
        guard let view = views.first(where: { $0.id == id }), let condition = state.registry.condition(of: id) else {
            return .error(.unknownBackend(id, among: views.map(\.id)))
        }
        let driver = condition.driver as? AdapterBackend
        let adapter = driver.map { driver in
            BackendDetail.Adapter(
                type: driver.image.type, name: driver.image.displayName, version: driver.image.version,
                path: driver.image.path, abi: "\(driver.image.abiMajor).\(driver.image.abiMinor)",
                loadedAt: driver.image.loadedAt,
                isReplaced: !state.library.images.contains { $0.ordinal == driver.image.ordinal })
        }
        let detail = BackendDetail(
            view: view, condition: condition, errors: state.errors.of(id),
            trouble: state.trouble.items.filter { $0.backendID == id }, adapter: adapter,
            options: driver?.shownOptions, now: Clock.preciseWallSeconds(), instant: Clock.monotonicNanoseconds())
        return LocalAnswer(fields: [("cache-control", "no-store")], body: ContractEncoder.detail(detail))
    }

    /// `POST /v1/backends`.
    func add(_ call: RouteCall, _ later: LaterAnswer) {
        run(later) { () throws(ErrorBody) in
            let (body, persists) = try Self.body(call)
            // Programs write null for what they do not set.
            let specification = JSONObject(body.members.filter { !$0.value.isNull })
            guard specification["url"] != nil else {
                throw ErrorBody(
                    status: 400,
                    message: "url is missing: the body is a JSON object with url, and perhaps name, type, priority, "
                        + "max_concurrent, api_key_env, timeouts, options and persist.", param: "url",
                    code: "invalid_backend")
            }
            try Self.refuseVariables(of: specification, isLocal: call.context.isLocal)
            return .add(specification: specification, persists: persists)
        }
    }

    /// `PATCH /v1/backends/{id}`.
    func change(_ call: RouteCall, _ later: LaterAnswer) {
        run(later) { () throws(ErrorBody) in
            let (body, persists) = try Self.body(call)
            let change: BackendOverlay.Change
            do throws(ConfigurationError) {
                change = try ChangeReader.change(body, source: "")
            } catch {
                throw ErrorBody(error)
            }
            guard change != BackendOverlay.Change() else {
                throw ErrorBody(
                    status: 400,
                    message:
                        "There is nothing to set; give priority, max_concurrent (null: no limit), enabled or timeouts.",
                    code: "invalid_backend")
            }
            return .change(name: call.values[0], change, persists: persists)
        }
    }

    /// `POST /v1/backends/{id}/drain` and `.../enable`.
    func enable(_ isEnabled: Bool, _ call: RouteCall, _ later: LaterAnswer) {
        run(later) { () throws(ErrorBody) in
            let (body, persists) = try Self.body(call)
            try Self.refuseMembers(body)
            return .change(
                name: call.values[0], BackendOverlay.Change(isEnabled: isEnabled), persists: persists)
        }
    }

    /// `DELETE /v1/backends/{id}`.
    func remove(_ call: RouteCall, _ later: LaterAnswer) {
        run(later) { () throws(ErrorBody) in
            let (body, persists) = try Self.body(call)
            try Self.refuseMembers(body)
            return .remove(name: call.values[0], atOnce: call.isSet("now"), persists: persists)
        }
    }

    // MARK: Small things

    private func run(_ later: LaterAnswer, _ command: () throws(ErrorBody) -> BackendCommand) {
        let (state, remote) = (state, later.remote)
        do throws(ErrorBody) {
            let command = try command()
            try state.commands.enter()
            // A client that goes away has still given the command.
            Task {
                defer { state.commands.leave() }
                switch await state.run(command) {
                case .success(let outcome)?:
                    remote.answer(LocalAnswer(status: outcome.status == .added ? 201 : 200, body: outcome.json))
                case .failure(let error)?: remote.answer(.error(error))
                case nil: remote.answer(.error(.starting))
                }
            }
        } catch {
            later.answer(.error(error))
        }
    }

    /// What the body says, and whether it is to be kept: `persist` there or in the query.
    private static func body(_ call: RouteCall) throws(ErrorBody) -> (JSONObject, persists: Bool) {
        guard call.values.allSatisfy({ $0.utf8.count <= RequestPeek.maximumName }) else {
            throw ErrorBody(status: 400, message: "The id of the backend is too long; see GET /v1/backends.")
        }
        var persists = call.isSet("persist")
        guard call.body.readableBytes > 0 else { return (JSONObject(), persists) }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(
                Array(call.body.readableBytesView), maximumDepth: depth, maximumValues: valueLimit)
        } catch {
            throw ErrorBody(
                status: 400, message: "The body is not JSON that can be taken: \(error.reason)", code: "invalid_json")
        }
        guard let object = value.object else {
            throw ErrorBody(status: 400, message: "The body must be a JSON object.", code: "invalid_json")
        }
        if let persist = object["persist"] {
            guard let flag = persist.bool else {
                throw ErrorBody(
                    status: 400, message: "persist: must be true or false", param: "persist", code: "invalid_backend")
            }
            persists = persists || flag
        }
        return (JSONObject(object.members.filter { $0.name != "persist" }), persists)
    }

    private static let depth = 80
    private static let valueLimit = 10_000

    /// The variables of this process hold secrets, and a backend is sent what the named ones hold: only who is on this machine may
    /// name any.
    /// - Parameter isLocal: whoever asks is on this machine (`RequestContext.isLocal`).
    static func refuseVariables(of specification: JSONObject, isLocal: Bool) throws(ErrorBody) {
        guard !isLocal, let key = variableKey(in: .object(specification)) else { return }
        throw ErrorBody(
            status: 403,
            message:
                "\(EntryLimits.cut(key, to: 80)) names a variable of the gateway, whose value the backend would be sent: that "
                + "is taken from this machine only. Give the command there, or name the backend in the configuration.",
            type: "permission_error", param: EntryLimits.cut(key, to: 80), code: "not_from_here")
    }

    /// A member anywhere that names a variable, as `api_key_env` does. As deep as a body may be.
    private static func variableKey(in value: JSONValue) -> String? {
        if let array = value.array { return array.lazy.compactMap(variableKey).first }
        guard let object = value.object else { return nil }
        for member in object.members {
            if member.name.hasSuffix("_env") { return member.name }
            if let key = variableKey(in: member.value) { return key }
        }
        return nil
    }

    private static func refuseMembers(_ body: JSONObject) throws(ErrorBody) {
        guard let name = body.members.first?.name else { return }
        throw ErrorBody(
            status: 400,
            message: "\(EntryLimits.cut(name, to: 100)) is not known here; the body is empty or {\"persist\": true}.",
            param: EntryLimits.cut(name, to: 100), code: "invalid_backend")
    }
}

extension ErrorBody {
    static var starting: ErrorBody {
        ErrorBody(
            status: 503, message: "The gateway is still starting.", type: "service_unavailable_error", code: "starting",
            retryAfter: 1)
    }
}
