import JSON

/// What a client gets, taken apart.
enum Answer {
    /// The whole answer, which must be a JSON object.
    static func object(_ task: ScriptedTask) throws -> JSONValue {
        guard let value = try? JSONValue.parse(task.written), value.object != nil else {
            throw CheckStop.failed("the answer is no JSON object: \(excerpt(task.written))")
        }
        return value
    }

    /// The events of a stream before the end mark, which must be there once, at the end.
    static func events(_ task: ScriptedTask) throws -> [JSONValue] {
        var events: [JSONValue] = []
        var isEnded = false
        let lines = task.text.split(omittingEmptySubsequences: true) { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }
        for line in lines where !line.hasPrefix(":") {
            guard line.hasPrefix("data:") else {
                if line.hasPrefix("event:") || line.hasPrefix("id:") || line.hasPrefix("retry:") { continue }
                throw CheckStop.failed("a line of the stream is no event: \(excerpt(Array(line.utf8)))")
            }
            let data = line.dropFirst(5).drop { $0 == " " }
            try require(!isEnded, "an event follows the end mark: \(excerpt(Array(line.utf8)))")
            if data == "[DONE]" {
                isEnded = true
            } else if let value = try? JSONValue.parse(String(data)) {
                events.append(value)
            } else {
                throw CheckStop.failed("an event is not JSON: \(excerpt(Array(line.utf8)))")
            }
        }
        try require(isEnded, "the stream has no end mark (data: [DONE])")
        return events
    }

    /// The generated text of a whole answer or of a stream's events.
    static func text(_ values: [JSONValue]) -> String {
        values.map { value in
            let choice = value["choices"]?[0]
            return choice?["message"]?["content"]?.string ?? choice?["delta"]?["content"]?.string
                ?? choice?["text"]?.string ?? ""
        }.joined()
    }

    static func excerpt(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes.prefix(80), as: UTF8.self)
        let clean = text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }
        return "\"\(String(String.UnicodeScalarView(clean)))\(bytes.count > 80 ? "…" : "")\""
    }
}
