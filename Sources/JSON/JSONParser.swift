/// Why a text is not JSON, and where.
public struct JSONError: Error, Sendable, Equatable {
    /// Bytes from the start of the text.
    public let offset: Int
    public let reason: String
}

extension JSONValue {
    /// Parses one JSON text (RFC 8259). A byte order mark before it is skipped; nothing may follow it but space. A lone
    /// surrogate escape becomes U+FFFD.
    /// - Parameters:
    ///   - bytes: borrowed for the call.
    ///   - maximumDepth: deeper nesting is an error.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, maximumDepth: Int = 256
    ) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes: bytes, maximumDepth: maximumDepth)
        return try parser.run()
    }

    public static func parse(_ bytes: [UInt8], maximumDepth: Int = 256) throws(JSONError) -> JSONValue {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(JSONError) in try parse(bytes, maximumDepth: maximumDepth) }
        }
        return try result.get()
    }

    public static func parse(_ text: String, maximumDepth: Int = 256) throws(JSONError) -> JSONValue {
        try parse(Array(text.utf8), maximumDepth: maximumDepth)
    }
}

/// Recursive descent over borrowed bytes. Every read is checked against the end.
struct JSONParser {
    let bytes: UnsafeRawBufferPointer
    let maximumDepth: Int
    private var position = 0

    init(bytes: UnsafeRawBufferPointer, maximumDepth: Int) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
    }

    mutating func run() throws(JSONError) -> JSONValue {
        if bytes.count >= 3, bytes[0] == 0xEF, bytes[1] == 0xBB, bytes[2] == 0xBF { position = 3 }
        let value = try value(depth: 1)
        skipSpace()
        guard position == bytes.count else { throw error("unexpected data after the end") }
        return value
    }

    private func error(_ reason: String) -> JSONError { JSONError(offset: position, reason: reason) }

    private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private mutating func value(depth: Int) throws(JSONError) -> JSONValue {
        skipSpace()
        guard depth <= maximumDepth else { throw error("nesting is too deep") }
        switch next {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-")?, (UInt8(ascii: "0")...UInt8(ascii: "9"))?: return .number(try number())
        case nil: throw error("unexpected end")
        default: throw error("unexpected character")
        }
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
        for index in 0..<text.utf8CodeUnitCount {
            guard next == text.utf8Start[index] else { throw error("unexpected word") }
            position += 1
        }
        return value
    }

    private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
        position += 1
        var members: [(name: String, value: JSONValue)] = []
        skipSpace()
        if next == UInt8(ascii: "}") {
            position += 1
            return JSONObject()
        }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw error("a member name is expected") }
            let name = try string()
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw error("':' is expected") }
            position += 1
            members.append((name, try value(depth: depth + 1)))
            skipSpace()
            switch next {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "}"):
                position += 1
                return JSONObject(members)
            default: throw error("',' or '}' is expected")
            }
        }
    }

    private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
        position += 1
        var items: [JSONValue] = []
        skipSpace()
        if next == UInt8(ascii: "]") {
            position += 1
            return []
        }
        while true {
            items.append(try value(depth: depth + 1))
            skipSpace()
            switch next {
            case UInt8(ascii: ","): position += 1
            case UInt8(ascii: "]"):
                position += 1
                return items
            default: throw error("',' or ']' is expected")
            }
        }
    }

    private mutating func number() throws(JSONError) -> JSONNumber {
        let start = position
        if next == UInt8(ascii: "-") { position += 1 }
        if next == UInt8(ascii: "0") { position += 1 } else { try digits() }
        if next == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if let byte = next, byte | 0x20 == UInt8(ascii: "e") {
            position += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        return JSONNumber(text: String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private mutating func digits() throws(JSONError) {
        let start = position
        while let byte = next, byte &- 0x30 < 10 { position += 1 }
        guard position > start else { throw error("a digit is expected") }
    }

    // MARK: Strings

    private mutating func string() throws(JSONError) -> String {
        position += 1
        let start = position
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\") {
            guard byte >= 0x20 else { throw error("a control character in a string must be escaped") }
            position += 1
        }
        guard let byte = next else { throw error("a string is not terminated") }
        let plain = try text(start..<position)
        if byte == UInt8(ascii: "\"") {
            position += 1
            return plain
        }
        return try escapedRest(after: plain)
    }

    private mutating func escapedRest(after plain: String) throws(JSONError) -> String {
        var result = plain
        var units: [UInt16] = []
        var run = position
        while let byte = next {
            if byte == UInt8(ascii: "\\") {
                if run < position {
                    flush(&units, into: &result)
                    result += try text(run..<position)
                }
                try escape(&units)
                run = position
            } else if byte == UInt8(ascii: "\"") {
                flush(&units, into: &result)
                if run < position { result += try text(run..<position) }
                position += 1
                return result
            } else {
                guard byte >= 0x20 else { throw error("a control character in a string must be escaped") }
                position += 1
            }
        }
        throw error("a string is not terminated")
    }

    private func flush(_ units: inout [UInt16], into result: inout String) {
        guard !units.isEmpty else { return }
        result += String(decoding: units, as: UTF16.self)
        units.removeAll(keepingCapacity: true)
    }

    private func text(_ range: Range<Int>) throws(JSONError) -> String {
        guard let text = String(validating: bytes[range], as: UTF8.self) else {
            throw JSONError(offset: range.lowerBound, reason: "a string is not valid UTF-8")
        }
        return text
    }

    private mutating func escape(_ units: inout [UInt16]) throws(JSONError) {
        position += 1
        guard let byte = next else { throw error("a string is not terminated") }
        let unit: UInt16
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): unit = UInt16(byte)
        case UInt8(ascii: "b"): unit = 0x08
        case UInt8(ascii: "f"): unit = 0x0C
        case UInt8(ascii: "n"): unit = 0x0A
        case UInt8(ascii: "r"): unit = 0x0D
        case UInt8(ascii: "t"): unit = 0x09
        case UInt8(ascii: "u"):
            var value: UInt16 = 0
            for _ in 0..<4 {
                position += 1
                guard let digit = next.flatMap({ Character(UnicodeScalar($0)).hexDigitValue }) else {
                    throw error("an escape needs four hexadecimal digits")
                }
                value = value << 4 | UInt16(digit)
            }
            unit = value
        default: throw error("an unknown escape in a string")
        }
        units.append(unit)
        position += 1
    }
}
