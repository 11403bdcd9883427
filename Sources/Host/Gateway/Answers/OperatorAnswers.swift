import AdapterHost
import Core
import JSON

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

    /// `POST /v1/adapters/release?adapter=NAME`: takes an adapter back from quarantine.
    func release(_ call: RouteCall, _ later: LaterAnswer) {
        let (state, remote) = (state, later.remote)
        let values = QueryValues(call.context.query).all
        guard let name = values.first(where: { $0.name == "adapter" })?.value, !name.isEmpty else {
            return later.answer(
                .error(
                    ErrorBody(
                        status: 400, message: "Say which: ?adapter= and its type, its file, or its SHA-256.",
                        code: "missing_adapter")))
        }
        do throws(ErrorBody) {
            try state.commands.enter()
        } catch {
            return later.answer(.error(error))
        }
        Task {
            defer { state.commands.leave() }
            remote.answer(Self.answer(await state.release(name), name))
        }
    }

    private static func answer(_ release: AdapterRelease?, _ name: String) -> LocalAnswer {
        switch release {
        case nil: return .error(.starting)
        case .unknown:
            let shown = EntryLimits.cutBytes(name, to: 256)
            return .error(
                ErrorBody(
                    status: 404,
                    message: "No adapter called \"\(shown)\" has crashed; GET /v1/adapters tells which are left out.",
                    code: "unknown_adapter"))
        case .failed(let reason):
            return .error(
                ErrorBody(status: 500, message: "It was not taken back: \(reason)", code: "quarantine_failed"))
        case .released(let hashes, let loaded):
            var writer = JSONWriter()
            writer.beginObject()
            for (key, texts) in [("released", hashes.map(\.text)), ("loaded", loaded)] {
                writer.key(key)
                writer.beginArray()
                for text in texts { writer.string(text) }
                writer.endArray()
            }
            writer.endObject()
            return LocalAnswer(body: writer.bytes)
        }
    }
}
