import Core
import Dialects
import JSON
import NIOCore

/// Puts a request of another API into OpenAI's words.
enum RequestTranslation {
    private static let estimated = "The tokens are an estimate: no backend that has the model can count them."

    /// Values of a request. The tree of them and its translation take some 100 bytes each; the largest real requests, with
    /// hundreds of tools and messages, have some 50,000.
    static let maximumValues = 250_000

    static func form(of request: ClientRequest, answerID: String) -> RequestForms.Form {
        do throws(ClientError) {
            let body = try parsed(request.body)
            switch request.kind {
            case .messages:
                return .translated(
                    try AnthropicMessages.translate(
                        body, model: request.model, askedModel: request.peek.model, requestID: answerID))
            case .countTokens:
                return .answered(
                    AnthropicTokens.body(try AnthropicTokens.estimate(body)), warning: estimated)
            case .ollama: return form(try ollama(request, body, answerID: answerID))
            case .chat, .completions, .embeddings, .responses, .rerank, .audio, .images:
                return .refused(ClientError(status: 501, message: "This API is passed on, never translated."))
            }
        } catch {
            return .refused(error)
        }
    }

    private static func form(_ outcome: OllamaOutcome) -> RequestForms.Form {
        switch outcome {
        case .translated(let translation): .translated(translation)
        case .answered(let bytes): .answered(bytes, warning: "")
        }
    }

    private static func ollama(
        _ request: ClientRequest, _ body: JSONValue, answerID: String
    ) throws(ClientError) -> OllamaOutcome {
        let start = Clock.monotonicNanoseconds()
        let clock = OllamaClock(startedAt: Clock.preciseWallSeconds()) {
            Clock.monotonicNanoseconds() &- start
        }
        let (model, asked) = (request.model, request.peek.model)
        switch request.path {
        case "/api/chat":
            return try OllamaRequest.chat(body, model: model, askedModel: asked, requestID: answerID, clock: clock)
        case "/api/generate":
            return try OllamaRequest.generate(body, model: model, askedModel: asked, requestID: answerID, clock: clock)
        case "/api/embed":
            return try OllamaRequest.embed(body, model: model, askedModel: asked, requestID: answerID, clock: clock)
        default:
            return try OllamaRequest.embeddings(
                body, model: model, askedModel: asked, requestID: answerID, clock: clock)
        }
    }

    /// The scan has accepted it already; only what is absurd in another way fails here.
    private static func parsed(_ body: ByteBuffer) throws(ClientError) -> JSONValue {
        let result = body.withUnsafeReadableBytes { bytes in
            Result { () throws(JSONError) in try JSONValue.parse(bytes, maximumValues: maximumValues) }
        }
        switch result {
        case .success(let value): return value
        case .failure(let error) where error.isTooLarge:
            throw ClientError(
                status: 413,
                message:
                    "The request has more than \(maximumValues) values, which is the most that can be translated for "
                    + "a backend that does not speak this API.", code: "too_many_values")
        case .failure: throw ClientError(status: 400, message: "The request body cannot be read.")
        }
    }
}
