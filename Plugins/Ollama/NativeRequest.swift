import PluginAPI

/// Requests of clients that speak Ollama's own API.
enum NativeRequest {
    /// The paths that answer with text, in one piece or line by line; the others answer with embeddings.
    static func generates(_ path: String) -> Bool { path == "/api/chat" || path == "/api/generate" }

    /// The client's bytes go as they are, whatever they are.
    static func isAsItIs(_ options: Options) -> Bool {
        options.contextLength == nil && options.keepAlive == nil && options.think != false
    }

    /// The body with what the operator wants of every request and the client did not say: a context length of its own,
    /// above all, would make Ollama load the model again. Nil where the client's bytes can go as they are.
    static func completed(_ body: UnsafeRawBufferPointer, path: String, options: Options) -> [UInt8]? {
        guard !isAsItIs(options),
            var request = (try? JSONValue.parse(body, maximumValues: LargeWork.values))?.object
        else { return nil }
        var isChanged = false
        if let length = options.contextLength, request["options"].map({ $0.given("num_ctx") == nil }) ?? true {
            // If the options are no object, the server refuses them.
            if var own = request["options"].map({ $0.isNull ? JSONObject() : $0.object }) ?? JSONObject() {
                own["num_ctx"] = .number(JSONNumber(length))
                request["options"] = .object(own)
                isChanged = true
            }
        }
        if let keepAlive = options.keepAlive, request["keep_alive"].map(\.isNull) ?? true {
            request["keep_alive"] = keepAlive
            isChanged = true
        }
        if options.think == false, generates(path), request["think"].map(\.isNull) ?? true {
            request["think"] = false
            isChanged = true
        }
        return isChanged ? JSONValue.object(request).bytes : nil
    }

    /// The handler of a whole answer, whose bytes go to the client as they are.
    static func unary(_ exchange: ExchangeTask, path: String) -> UnaryHandler {
        return UnaryHandler(exchange, shape: .ollama) { answer, bytes in
            let isDone = answer["done"]?.bool == true
            let isWhole =
                switch path {
                case "/api/chat": isDone && answer["message"]?.object != nil
                case "/api/generate": isDone && answer["response"]?.string != nil
                default: answer["embeddings"]?.array != nil || answer["embedding"]?.array != nil
                }
            return isWhole ? (bytes, Usage.counts(answer)) : nil
        }
    }
}
