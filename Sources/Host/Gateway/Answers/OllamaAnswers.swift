import Core
import Dialects
import JSON
import NIOCore

/// What Ollama's clients are told of the fleet, without asking a backend.
struct OllamaAnswers {
    let state: GatewayState

    var tags: LocalAnswer {
        LocalAnswer(body: OllamaDocuments.tags(state.registry.views, aliases: state.modelNames.servedAliases))
    }
    var running: LocalAnswer { LocalAnswer(body: OllamaDocuments.ps(state.registry.views)) }
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
        let views = state.registry.views
        let names = state.modelNames
        let name = names.shown(asked).resolved
        let verbose = request?["verbose"]?.bool ?? false
        guard let document = OllamaDocuments.show(model: name, verbose: verbose, views: views) else {
            let error = ErrorBody.unknownModel(asked, among: names.snapshot.candidates.keys)
            return LocalAnswer(status: error.status, body: Dialect.ollama.errorBody(error, requestID: ""))
        }
        return LocalAnswer(body: document)
    }

    private static func error(_ error: ClientError) -> LocalAnswer {
        LocalAnswer(status: error.status, body: OllamaError.body(error))
    }
}
