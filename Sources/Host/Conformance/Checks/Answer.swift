import EventStream
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
        for line in try lines(of: task.written) {
            guard line.kind == .data else {
                throw CheckStop.failed("a line of the stream is no event: \(excerpt(line.bytes))")
            }
            try require(!isEnded, "an event follows the end mark: \(excerpt(line.bytes))")
            let data = line.bytes.drop { $0 == 0x20 }
            if data.elementsEqual("[DONE]".utf8) {
                isEnded = true
            } else if let value = try? JSONValue.parse(Array(data)) {
                events.append(value)
            } else {
                throw CheckStop.failed("an event is not JSON: \(excerpt(line.bytes))")
            }
        }
        try require(isEnded, "the stream has no end mark (data: [DONE])")
        return events
    }

    /// Values of data lines, and lines that are no field of an event.
    private static func lines(of stream: [UInt8]) throws -> [(kind: EventStreamLine.Kind, bytes: [UInt8])] {
        var found: [(kind: EventStreamLine.Kind, bytes: [UInt8])] = []
        func note(_ line: EventStreamLine) {
            if line.kind == .data || line.kind == .other { found.append((line.kind, Array(line.value))) }
        }
        var lines = EventStreamLines(limit: .max)
        try stream.withUnsafeBytes { bytes in
            try lines.feed(bytes) { line, _ in
                note(line)
                return true
            }
        }
        lines.finish(note)
        return found
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
