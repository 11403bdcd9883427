import Core
import Dialects
import JSON

/// The failure of a backend in the words of the client's API. What a server said reaches the client; what it means is put so
/// that the client's software understands it.
extension Dialect {
    /// A failure as this client is to be told of it, whatever the server and its adapter called it: a context that is full is the
    /// request's fault, which no other attempt mends; and only Anthropic's API knows 529.
    func understood(_ failure: ExchangeFailure) -> ExchangeFailure {
        var failure = failure
        if failure.fullContext != nil {
            failure.kind = .rejected
            failure.status = 400
        } else if failure.kind == .busy, failure.status == 529, self != .anthropic {
            failure.status = 503
        }
        return failure
    }

    /// The body of an answer; what the server wrote goes on unchanged where the client's API has nothing to add.
    func errorBody(_ failure: ExchangeFailure, requestID: String) -> [UInt8] {
        let value = failure.body.isEmpty ? nil : try? JSONValue.parse(failure.body)
        let told = value.flatMap(ToldError.inside) ?? ToldError.body(failure.body)
        switch self {
        case .openAI: return openAIs(failure, told, value)
        case .anthropic:
            if failure.fullContext == nil, let value, AnthropicError.isOne(value, unpaid: failure.isUnpaid) {
                return failure.body
            }
            var error = ErrorBody(failure).clientError
            error.message = told?.message ?? failure.message
            if let full = failure.fullContext { error.message = full.inAnthropicsWords(error.message) }
            return AnthropicError.body(error, requestID: requestID)
        case .ollama:
            if let value, value["error"]?.string?.isEmpty == false { return failure.body }
            var error = ErrorBody(failure).clientError
            error.message = told?.message ?? failure.message
            return OllamaError.body(error)
        }
    }

    private func openAIs(_ failure: ExchangeFailure, _ told: ToldError?, _ value: JSONValue?) -> [UInt8] {
        let full = failure.fullContext
        if full == nil, !failure.isUnpaid, told?.isOpenAIs == true, value?["error"]?["message"] != nil {
            return failure.body
        }
        let own = ErrorBody(failure)
        // What else the server tells stays.
        var error = told?.isOpenAIs == true ? value?["error"]?.object ?? JSONObject() : JSONObject()
        let words = told?.message ?? failure.message
        error["message"] = .string(full?.inOpenAIsWords(words) ?? words)
        error["param"] = told?.param ?? .null
        if full != nil {
            (error["type"], error["code"]) = ("invalid_request_error", .string(FullContext.openAIsCode))
        } else if failure.isUnpaid {
            (error["type"], error["code"]) = (.string(ErrorBody.unpaid), .string(ErrorBody.unpaid))
        } else {
            error["type"] = told?.type ?? .string(own.type)
            error["code"] = told?.code ?? own.code.map { .string($0) } ?? .null
        }
        return JSONValue.object(JSONObject([(name: "error", value: .object(error))])).bytes
    }

    /// The one event or line that ends a stream which has failed.
    func errorEvent(_ failure: ExchangeFailure, requestID: String) -> [UInt8] {
        let body = errorBody(failure, requestID: requestID)
        return switch self {
        case .openAI: Self.event(body)
        case .anthropic: AnthropicError.event(body)
        case .ollama: body.filter { $0 != 0x0A && $0 != 0x0D } + [0x0A]
        }
    }
}

extension ExchangeFailure {
    /// The server said that the model's context is too small for the request; nil: something else.
    var fullContext: FullContext? {
        switch kind {
        case .rejected, .upstream: break
        case .connect, .timeout, .busy, .auth, .unsupported, .adapter: return nil
        }
        // Without a body the words are those of the adapter, or of the gateway.
        guard !body.isEmpty, let told = ToldError.body(body) else { return nil }
        let meaning = ErrorMeaning(status: status == 502 ? 200 : status, told)
        if case .fullContext(let full) = meaning { return full }
        return nil
    }
}

extension ExchangeFailure {
    /// Without the words of connections, which tell addresses; what a server itself said stays.
    var brief: ExchangeFailure {
        guard body.isEmpty else { return self }
        var failure = self
        switch kind {
        case .connect: failure.message = "The backend cannot be reached."
        case .timeout: failure.message = "The backend did not answer in time."
        case .upstream where status == 0: failure.message = "The backend ended its answer before it was whole."
        case .upstream, .busy, .rejected, .auth, .unsupported, .adapter: break
        }
        return failure
    }
}
