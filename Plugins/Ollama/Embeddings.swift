import PluginAPI

/// Translates embeddings both ways. Pure.
enum Embeddings {
    static func request(_ request: JSONValue, model: String, options: Options) throws(Failure) -> JSONValue {
        var result = JSONObject([(name: "model", value: .string(model))])
        let texts = inputs(request)
        guard !texts.isEmpty, texts.allSatisfy({ $0.string?.isEmpty == false }) else {
            throw ChatRequest.rejected(
                "input", "input must be a string or an array of strings, none of them empty; Ollama takes no tokens.")
        }
        result["input"] = request["input"]
        if let dimensions = request["dimensions"] { result["dimensions"] = dimensions }
        if let keepAlive = options.keepAlive(asked: request) { result["keep_alive"] = keepAlive }
        if let length = options.contextLength { result["options"] = ["num_ctx": .number(JSONNumber(length))] }
        return .object(result)
    }

    static func inputs(_ request: JSONValue) -> [JSONValue] {
        request["input"]?.array ?? request["input"].map { [$0] } ?? []
    }

    /// Nil unless there is a vector of numbers for each of `count` inputs.
    static func answer(
        _ answer: JSONValue, count: Int, model: String, base64: Bool
    ) -> (body: JSONValue, usage: TokenUsage)? {
        guard let vectors = answer["embeddings"]?.array, vectors.count == count,
            vectors.allSatisfy({ $0.array?.isEmpty == false && $0.array?.allSatisfy { $0.number != nil } == true })
        else { return nil }
        let usage = TokenUsage(prompt: answer["prompt_eval_count"]?.int.flatMap { $0 >= 0 ? UInt64($0) : nil })
        let data = vectors.enumerated().map { index, vector -> JSONValue in
            [
                "object": "embedding", "index": .number(JSONNumber(index)),
                "embedding": base64 ? .string(Base64.floats(vector.array ?? [])) : vector,
            ]
        }
        let tokens = usage.prompt.map { JSONValue.number(JSONNumber($0)) }
        return (
            [
                "object": "list", "data": .array(data), "model": .string(model),
                "usage": tokens.map { ["prompt_tokens": $0, "total_tokens": $0] } ?? .null,
            ], usage
        )
    }
}

/// Base64 (RFC 4648, section 4) of floats, as OpenAI encodes embeddings: 32 bits, little-endian.
enum Base64 {
    static func floats(_ numbers: [JSONValue]) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(numbers.count * 4)
        for number in numbers {
            withUnsafeBytes(of: Float(number.double ?? 0).bitPattern.littleEndian) { bytes.append(contentsOf: $0) }
        }
        return encode(bytes)
    }

    static func encode(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var out: [UInt8] = []
        out.reserveCapacity((bytes.count + 2) / 3 * 4)
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            let word = group.reduce(0) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - group.count))
            for position in 0..<4 {
                let index = Int(word >> UInt32(18 - 6 * position)) & 0x3F
                out.append(position <= group.count ? alphabet[index] : UInt8(ascii: "="))
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
