import PluginAPI

/// Translates embeddings both ways. Pure.
enum Embeddings {
    static func request(_ request: JSONValue, model: String, options: Options) throws(Failure) -> JSONValue {
        var result = JSONObject([(name: "model", value: .string(model))])
        switch request["input"] {
        case .string(let text): result["input"] = .string(text)
        case .array(let texts) where !texts.isEmpty && texts.allSatisfy({ $0.string != nil }):
            result["input"] = .array(texts)
        default:
            throw ChatRequest.rejected(
                "input", "input must be a string or an array of strings; Ollama takes no tokens.")
        }
        if let dimensions = request["dimensions"] { result["dimensions"] = dimensions }
        if let keepAlive = options.keepAlive { result["keep_alive"] = keepAlive }
        return .object(result)
    }

    static func answer(_ answer: JSONValue, model: String, base64: Bool) -> (body: JSONValue, usage: TokenUsage)? {
        guard let vectors = answer["embeddings"]?.array else { return nil }
        let usage = TokenUsage(prompt: answer["prompt_eval_count"]?.int.flatMap { $0 >= 0 ? UInt64($0) : nil })
        let data = vectors.enumerated().map { index, vector -> JSONValue in
            [
                "object": "embedding", "index": .number(JSONNumber(index)),
                "embedding": base64 ? .string(Base64.floats(vector.array ?? [])) : vector,
            ]
        }
        let prompt: JSONValue = usage.prompt.map { .number(JSONNumber($0)) } ?? .null
        return (
            [
                "object": "list", "data": .array(data), "model": .string(model),
                "usage": ["prompt_tokens": prompt, "total_tokens": prompt],
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
