import JSON

/// The answer of `/api/embed` or `/api/embeddings`, from OpenAI's embeddings. It is never a stream.
struct OllamaEmbeddings: AnswerTranslation {
    enum Form { case embed, embeddings }

    let form: Form
    /// Of the inputs, each of which has a vector.
    let count: Int
    let model: String
    let clock: OllamaClock

    /// The answer to a request without input.
    func withoutBackend() -> [UInt8] {
        switch form {
        case .embed: encoded([], promptTokens: nil)
        case .embeddings: encoded([[]], promptTokens: nil)
        }
    }

    func piece(_ bytes: UnsafeRawBufferPointer) throws(AnswerProblem) -> [UInt8] {
        throw AnswerProblem("The backend sent embeddings as a stream.")
    }

    func end() throws(AnswerProblem) -> [UInt8] { [] }

    func whole(_ bytes: UnsafeRawBufferPointer) throws(AnswerProblem) -> [UInt8] {
        let answer = try AnswerError.answer(in: bytes)
        return encoded(try vectors(answer), promptTokens: AnswerError.tokens(answer["usage"]?["prompt_tokens"]))
    }

    /// In the order of the inputs.
    private func vectors(_ answer: JSONValue) throws(AnswerProblem) -> [JSONValue] {
        let items = answer["data"]?.array ?? []
        var vectors = [JSONValue?](repeating: nil, count: count)
        for (position, item) in items.enumerated() {
            let index = item["index"]?.int.flatMap { Int(exactly: $0) } ?? position
            guard vectors.indices.contains(index), let vector = Self.vector(item["embedding"]) else {
                throw AnswerProblem("The backend's answer has an embedding that is none, data[\(position)].")
            }
            vectors[index] = vector
        }
        let whole = vectors.compactMap { $0 }
        guard whole.count == count else {
            throw AnswerProblem("The backend's answer has \(whole.count) embeddings for \(count) inputs.")
        }
        return whole
    }

    /// Numbers as they are; base64 of floats of 32 bits, little-endian, from servers that give nothing else.
    private static func vector(_ value: JSONValue?) -> JSONValue? {
        switch value {
        case .array(let numbers):
            return numbers.allSatisfy { $0.number != nil } ? value : nil
        case .string(let text):
            guard let bytes = Base64Text.decode(text), bytes.count % 4 == 0 else { return nil }
            var numbers: [JSONValue] = []
            numbers.reserveCapacity(bytes.count / 4)
            for start in stride(from: 0, to: bytes.count, by: 4) {
                let pattern = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << UInt32(8 * $1) }
                // By its shortest text, which has no more digits than the float tells.
                numbers.append(.number(JSONNumber(Double(Float(bitPattern: pattern).description) ?? 0)))
            }
            return .array(numbers)
        default: return nil
        }
    }

    private func encoded(_ vectors: [JSONValue], promptTokens: Int64?) -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        json.beginObject()
        switch form {
        case .embed:
            json.key("model")
            json.string(model)
            json.key("embeddings")
            json.value(.array(vectors))
            json.key("total_duration")
            json.integer(clock.elapsedNanoseconds())
            if let promptTokens, promptTokens > 0 {
                json.key("prompt_eval_count")
                json.integer(promptTokens)
            }
        case .embeddings:
            json.key("embedding")
            json.value(vectors.first ?? [])
        }
        json.endObject()
        return json.bytes
    }
}
