import PluginAPI

/// Requests of clients that speak Ollama's own API.
enum NativeRequest {
    /// The paths that answer with text, in one piece or line by line; the others answer with embeddings.
    static func generates(_ path: String) -> Bool { path == "/api/chat" || path == "/api/generate" }

    /// The body with what the operator wants of every request and the client did not say: a context length of its own, above
    /// all, would make Ollama load the model again. Nil where the client's bytes can go as they are.
    static func completed(_ body: UnsafeRawBufferPointer, path: String, options: Options) -> [UInt8]? {
        guard options.contextLength != nil || options.keepAlive != nil || options.think == false,
            var request = (try? JSONValue.parse(body))?.object
        else { return nil }
        var isChanged = false
        if let length = options.contextLength, request["options"].map({ $0.given("num_ctx") == nil }) ?? true {
            // Options that are no object are for the server to refuse.
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
        let generates = generates(path)
        return UnaryHandler(exchange, shape: .ollama) { answer, bytes in
            if generates, answer["done"]?.bool != true { return nil }
            return (bytes, Usage.counts(answer))
        }
    }
}

/// Passes a stream of Ollama's lines on unchanged, each as soon as it is complete and known not to be an error. A line that
/// has begun is kept back until then, so that nothing half stands before the error that the host sends.
final class NativeStreamHandler: AnswerHandler {
    private var lines = LineDecoder()
    private var pieces: UInt64 = 0

    init(_ exchange: ExchangeTask) { super.init(exchange, shape: .ollama) }

    override func take(_ bytes: UnsafeRawBufferPointer) {
        let hadPartial = lines.pending > 0
        var isFirst = true
        // Good lines that lie whole in this piece go on together, without a copy.
        var start = 0
        var good = 0
        var end: (usage: TokenUsage?, error: String?) = (nil, nil)
        do {
            try lines.feed(bytes) { line, next in
                end = look(line)
                guard end.error == nil else { return false }
                if isFirst, hadPartial {
                    write(line)
                    Self.lineFeed.withUnsafeBytes { write($0) }
                    start = next
                }
                isFirst = false
                good = next
                return end.usage == nil
            }
        } catch {
            end.error = StreamLine.tooLong
        }
        if good > start { write(UnsafeRawBufferPointer(rebasing: bytes[start..<good])) }
        settle(end)
    }

    override func complete() {
        lastLine()
        if !isOver { fail(OllamaError.failure(.complete)) }
    }

    override func broken(_ end: HTTPEnd) {
        lastLine()
        if !isOver { fail(OllamaError.failure(end)) }
    }

    /// A last line may lack its end.
    private func lastLine() {
        lines.finish { line in
            var end = look(line)
            if end.error == nil {
                write(line)
                Self.lineFeed.withUnsafeBytes { write($0) }
            } else if end.error == StreamLine.garbled {
                end.error = nil
            }
            settle(end)
        }
    }

    private static let lineFeed: [UInt8] = [0x0A]

    private func settle(_ end: (usage: TokenUsage?, error: String?)) {
        if let error = end.error { fail(error) } else if let usage = end.usage { finish(usage) }
    }

    /// The usage if this is the last line.
    private func look(_ line: UnsafeRawBufferPointer) -> (usage: TokenUsage?, error: String?) {
        switch StreamLine(line) {
        case .empty: return (nil, nil)
        case .error(let text): return (nil, text)
        case .value(let value):
            if value["done"]?.bool == true { return (Usage.counts(value, pieces: pieces), nil) }
            let text = value["message"]?["content"]?.string ?? value["response"]?.string
            let thinking = value["message"]?["thinking"]?.string ?? value["thinking"]?.string
            if text?.isEmpty == false || thinking?.isEmpty == false { pieces += 1 }
            return (nil, nil)
        }
    }
}
