import Core
import Dialects
import EventStream
import JSON

/// Errors in the words of the client's API.
extension Dialect {
    func errorBody(_ error: ErrorBody, requestID: String) -> [UInt8] {
        switch self {
        case .openAI: error.json
        case .anthropic: AnthropicError.body(error.clientError, requestID: requestID)
        case .ollama: OllamaError.body(Self.inOllamasWords(error))
        }
    }

    /// The one event that ends a stream which has failed.
    func errorEvent(_ error: ErrorBody, requestID: String) -> [UInt8] {
        switch self {
        case .openAI: Self.event(error.json)
        case .anthropic: AnthropicError.event(error.clientError, requestID: requestID)
        case .ollama: OllamaError.line(Self.inOllamasWords(error))
        }
    }

    /// Clients look for "not found" to offer a pull.
    private static func inOllamasWords(_ error: ErrorBody) -> ClientError {
        guard let model = error.model else { return error.clientError }
        var words = OllamaError.modelNotFound(model)
        if let available = error.available { words.message += "; available: \(available)" }
        return words
    }

    static func event(_ json: [UInt8]) -> [UInt8] {
        EventText.event(json.filter { $0 != 0x0A && $0 != 0x0D })
    }
}

extension ErrorBody {
    init(_ error: ClientError) {
        self.init(status: error.status, message: error.message, type: error.type, param: error.param, code: error.code)
    }

    var clientError: ClientError {
        ClientError(status: status, message: message, type: type, param: param, code: code)
    }
}
