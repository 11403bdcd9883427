import Core
import Dialects
import JSON
import NIOCore

/// What Ollama's clients are told of the fleet, without asking a backend.
struct OllamaAnswers {
    let state: GatewayState
    /// What the client's key may use; nil: everything.
    var scope: KeyScope?

    var tags: LocalAnswer {
        LocalAnswer(
            body: OllamaDocuments.tags(state.registry.views, aliases: state.modelNames.servedAliases, scope: scope))
    }
    var running: LocalAnswer { LocalAnswer(body: OllamaDocuments.ps(state.registry.views, scope: scope)) }
    var version: LocalAnswer { LocalAnswer(body: OllamaDocuments.version) }

    /// `POST /api/show`; older clients call the model "name".
    func show(_ body: ByteBuffer) -> LocalAnswer {
        let request = body.withUnsafeReadableBytes { try? JSONValue.parse($0) }
        guard let asked = (request?["model"] ?? request?["name"])?.string, !asked.isEmpty else {
            return Self.error(ClientError(status: 400, message: "model is required"))
        }
        // What follows takes its time for each byte of a name.
        guard asked.utf8.count <= RequestPeek.maximumName else {
            let limit = RequestPeek.maximumName
            return Self.error(
                ClientError(status: 400, message: "invalid model name: it is longer than \(limit) bytes"))
        }
        var views = state.registry.views
        var names = state.modelNames
        names.scope = scope
        let shown = names.shown(asked)
        guard shown.isAllowed else { return Self.refusal(.modelNotAllowed(asked)) }
        if let scope { views = views.filter { scope.has(backend: $0.name) } }
        let name = shown.resolved
        let verbose = request?["verbose"]?.bool ?? false
        guard let document = OllamaDocuments.show(model: name, verbose: verbose, views: views) else {
            return Self.refusal(.unknownModel(asked, among: names.servedNames))
        }
        return LocalAnswer(body: document)
    }

    private static func refusal(_ error: ErrorBody) -> LocalAnswer {
        LocalAnswer(status: error.status, body: Dialect.ollama.errorBody(error, requestID: ""))
    }

    private static func error(_ error: ClientError) -> LocalAnswer {
        LocalAnswer(status: error.status, body: OllamaError.body(error))
    }
}
