import Core
import Dialects
import JSON
import NIOCore

/// What Ollama's clients are told of the fleet, without asking a backend.
struct OllamaAnswers {
    let state: GatewayState

    func page(_ page: OllamaPage) -> LocalAnswer {
        let views = state.registry.views
        return switch page {
        case .tags: LocalAnswer(body: OllamaDocuments.tags(views))
        case .running: LocalAnswer(body: OllamaDocuments.ps(views))
        case .version: LocalAnswer(body: OllamaDocuments.version)
        }
    }

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
        let known = Set(views.filter { $0.status == .healthy }.flatMap { $0.models.map(\.id) })
        let name = OllamaNames.resolve(state.settings.routing.aliases[asked] ?? asked) { known.contains($0) }
        let verbose = request?["verbose"]?.bool ?? false
        guard let document = OllamaDocuments.show(model: name, verbose: verbose, views: views) else {
            let error = ErrorBody.unknownModel(asked, among: known)
            return LocalAnswer(status: error.status, body: Dialect.ollama.errorBody(error, requestID: ""))
        }
        return LocalAnswer(body: document)
    }

    private static func error(_ error: ClientError) -> LocalAnswer {
        LocalAnswer(status: error.status, body: OllamaError.body(error))
    }
}
