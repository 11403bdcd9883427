import Core
import JSON

/// How a line is written: for people, or as JSON. Pure.
enum LogFormat {
    /// With its line feed.
    static func bytes(_ line: LogLine, asJSON: Bool) -> [UInt8] {
        var bytes = asJSON ? json(line) : pretty(line)
        bytes.append(0x0A)
        return bytes
    }

    // MARK: JSON

    /// Names that every line has.
    private static let own: Set<String> = ["time", "level", "component", "message", "request"]

    private static func json(_ line: LogLine) -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.beginObject()
        json.key("time")
        json.string(Timestamp.text(milliseconds: line.at))
        json.key("level")
        json.string(line.level)
        json.key("component")
        json.string(line.component)
        json.key("message")
        json.string(line.message)
        if let request = line.request {
            json.key("request")
            json.string(request)
        }
        for (name, value) in line.fields {
            // No name twice: readers take the first, the last or none.
            json.key(own.contains(name) ? name + "_" : name)
            write(value, to: &json)
        }
        json.endObject()
        return json.bytes
    }

    static func write(_ value: LogValue, to json: inout JSONWriter) {
        switch value {
        case .string(let text): json.string(text)
        case .integer(let value): json.integer(value)
        case .number(let value): json.number(value)
        case .flag(let value): json.bool(value)
        }
    }

    // MARK: For people

    /// `TIME LEVEL COMPONENT: MESSAGE NAME=VALUE ...`. Nothing in a message or a value can look like another field, or begin
    /// another line: what could stands in quotes, with escapes.
    private static func pretty(_ line: LogLine) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        bytes += Timestamp.text(milliseconds: line.at).utf8
        bytes.append(0x20)
        bytes += line.level.utf8
        bytes.append(0x20)
        bytes += line.component.utf8
        bytes += ": ".utf8
        append(line.message, quotes: !isPlainMessage(line.message), to: &bytes)
        if let request = line.request { append("request", .string(request), to: &bytes) }
        for (name, value) in line.fields { append(name, value, to: &bytes) }
        return bytes
    }

    private static func append(_ name: String, _ value: LogValue, to bytes: inout [UInt8]) {
        bytes.append(0x20)
        bytes += name.utf8
        bytes.append(UInt8(ascii: "="))
        let text = value.text
        append(text, quotes: !isPlain(text), to: &bytes)
    }

    /// A value that needs no quotes.
    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "=")
                    && $0 != UInt8(ascii: "\\")
            }
    }

    /// A message that needs none: words, perhaps with names in quotes.
    private static func isPlainMessage(_ text: String) -> Bool {
        var quotes = 0
        for byte in text.utf8 {
            if byte < 0x20 || byte >= 0x7F || byte == UInt8(ascii: "=") || byte == UInt8(ascii: "\\") { return false }
            if byte == UInt8(ascii: "\"") { quotes += 1 }
        }
        return quotes % 2 == 0
    }

    private static func append(_ text: String, quotes: Bool, to bytes: inout [UInt8]) {
        guard quotes else {
            bytes += text.utf8
            return
        }
        bytes.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": bytes += "\\\"".utf8
            case "\\": bytes += "\\\\".utf8
            case "\n": bytes += "\\n".utf8
            case "\r": bytes += "\\r".utf8
            case "\t": bytes += "\\t".utf8
            case _ where isHidden(scalar): bytes += "\\u{\(String(scalar.value, radix: 16))}".utf8
            default: bytes += String(scalar).utf8
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// What a terminal obeys rather than shows: controls, other ends of a line, changes of direction.
    private static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: true
        default: false
        }
    }
}

extension Gateway {
    /// A line as `GET /v1/logs` gives it, as the log writes it for people; nil: it is none.
    public static func logLine(_ value: JSONValue) -> String? {
        guard let time = value["time"]?.string.flatMap({ Timestamp.seconds(rfc3339: $0) }),
            let level = value["level"]?.string, let component = value["component"]?.string,
            let message = value["message"]?.string
        else { return nil }
        var line = LogLine(
            at: Int64((time * 1000).rounded()), level: level, component: component, message: message,
            request: value["request_id"]?.string)
        for (name, value) in value["fields"]?.object?.members ?? [] {
            if let text = value.string {
                line.fields.append((name, .string(text)))
            } else if let flag = value.bool {
                line.fields.append((name, .flag(flag)))
            } else if let number = value.int {
                line.fields.append((name, .integer(Int64(number))))
            } else if let number = value.double {
                line.fields.append((name, .number(number)))
            }
        }
        return String(decoding: LogFormat.bytes(line, asJSON: false).dropLast(), as: UTF8.self)
    }
}
