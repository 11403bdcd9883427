import Core
import Dialects
import JSON

extension FuzzTarget {
    /// Requests of Anthropic's and Ollama's APIs.
    static let translation = FuzzTarget("translation") { bytes throws(Broken) in
        guard let body = try? JSONValue.parse(bytes, maximumValues: 250_000) else { return }
        for kind in TranslatedKind.allCases {
            guard let translation = kind.translation(body) else { continue }
            // What goes to a server is a request that the gateway itself would take, for the model that was chosen.
            let peek = withExact(translation.body) { raw in
                Result { () throws(RequestPeekError) in try RequestScanner.scan(raw) }
            }
            guard case .success(let peek) = peek else {
                throw Broken("\(kind): the gateway would not take \(text(translation.body))")
            }
            try require(peek.model == "chosen", "\(kind): the model is \(peek.model)")
            try require(
                translation.warnings.reduce(0) { $0 + $1.utf8.count } <= 64 * 1024, "\(kind): the warnings are long")
            try require(
                translation.body.count <= 64 * (bytes.count + 1024),
                "\(kind): \(bytes.count) bytes become \(translation.body.count)")
        }
        if let count = try? AnthropicTokens.estimate(body) { try require(count >= 0, "\(count) tokens") }
    }

    /// Answers of OpenAI's API, as clients of the others get them.
    static let answers = FuzzTarget("answers") { bytes throws(Broken) in
        for kind in TranslatedKind.allCases {
            guard let answer = kind.translation(kind.example)?.answer else {
                throw Broken("\(kind): its example is refused")
            }
            try sameHoweverCut(bytes, "\(kind): the answer") { AnswerReading.run($0, answer) }
            var whole = answer
            if let out = withExact(bytes, { try? whole.whole($0) }) {
                try require((try? JSONValue.parse(out)) != nil, "\(kind): a whole answer is no JSON: \(text(out))")
            }
        }
        for form in [AnswerTextReader.Form.events, .lines] {
            try sameHoweverCut(bytes, "the text of \(form)") { pieces in
                var reader = AnswerTextReader(form)
                var parts: [AnswerText] = []
                for piece in pieces {
                    withExact(piece) { for part in reader.feed($0) { AnswerText.append(part, to: &parts) } }
                }
                return parts
            }
        }
        var reader = AnswerTextReader(.whole)
        _ = withExact(bytes) { reader.feed($0) }
    }
}

/// Each of the requests that are translated.
enum TranslatedKind: CaseIterable {
    case message, chat, generate, embed, embeddings

    func translation(_ body: JSONValue) -> Translation? {
        let clock = OllamaClock(startedAt: 0) { 0 }
        let outcome: OllamaOutcome?
        switch self {
        case .message:
            return try? AnthropicMessages.translate(body, model: "chosen", askedModel: "asked", requestID: "r")
        case .chat:
            outcome = try? OllamaRequest.chat(body, model: "chosen", askedModel: "asked", requestID: "r", clock: clock)
        case .generate:
            outcome = try? OllamaRequest.generate(
                body, model: "chosen", askedModel: "asked", requestID: "r", clock: clock)
        case .embed:
            outcome = try? OllamaRequest.embed(body, model: "chosen", askedModel: "asked", requestID: "r", clock: clock)
        case .embeddings:
            outcome = try? OllamaRequest.embeddings(
                body, model: "chosen", askedModel: "asked", requestID: "r", clock: clock)
        }
        guard case .translated(let translation) = outcome else { return nil }
        return translation
    }

    /// A request whose answer is a stream, where there are streams.
    var example: JSONValue {
        let messages: JSONValue = [["role": "user", "content": "hi"]]
        return switch self {
        case .message: ["model": "m", "max_tokens": 9, "stream": true, "stop_sequences": ["x"], "messages": messages]
        case .chat: ["model": "m", "messages": messages]
        case .generate, .embeddings: ["model": "m", "prompt": "hi"]
        case .embed: ["model": "m", "input": ["hi"]]
        }
    }
}

/// All that a client sees of a translated stream.
struct AnswerReading: Equatable {
    var out = ""
    var problem: String?

    static func run(_ pieces: [ArraySlice<UInt8>], _ answer: any AnswerTranslation) -> AnswerReading {
        var answer = answer
        var bytes: [UInt8] = []
        var reading = AnswerReading()
        do throws(AnswerProblem) {
            for piece in pieces { bytes += try withExact(piece) { raw throws(AnswerProblem) in try answer.piece(raw) } }
            // What was met behind something that could still be told is told with the next call.
            bytes += try withExact([]) { raw throws(AnswerProblem) in try answer.piece(raw) }
            bytes += try answer.end()
        } catch {
            reading.problem = error.message
        }
        reading.out = text(bytes)
        return reading
    }
}
