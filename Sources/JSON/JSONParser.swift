/// Why a text is not JSON, and where.
public struct JSONError: Error, Sendable, Equatable {
    /// Bytes from the start of the text.
    public let offset: Int
    public let reason: String
    /// It may be JSON, but has more values than were asked for.
    public var isTooLarge = false
}

extension JSONValue {
    /// Parses one JSON text (RFC 8259). A byte order mark before it is skipped; nothing may follow it but space. A lone
    /// surrogate escape becomes U+FFFD.
    /// - Parameters:
    ///   - bytes: borrowed for the call.
    ///   - maximumDepth: deeper nesting is an error.
    ///   - maximumValues: more values are an error: each takes some 24 to 100 bytes of memory and 0.1 microseconds, however
    ///     short its text is. Values are what stands in arrays and objects, these themselves included.
    public static func parse(
        _ bytes: UnsafeRawBufferPointer, maximumDepth: Int = 256, maximumValues: Int = .max
    ) throws(JSONError) -> JSONValue {
        var parser = JSONParser(bytes: bytes, maximumDepth: maximumDepth, maximumValues: maximumValues)
        return try parser.run()
    }

    public static func parse(
        _ bytes: [UInt8], maximumDepth: Int = 256, maximumValues: Int = .max
    ) throws(JSONError) -> JSONValue {
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(JSONError) in
                try parse(bytes, maximumDepth: maximumDepth, maximumValues: maximumValues)
            }
        }
        return try result.get()
    }

    public static func parse(
        _ text: String, maximumDepth: Int = 256, maximumValues: Int = .max
    ) throws(JSONError) -> JSONValue {
        try parse(Array(text.utf8), maximumDepth: maximumDepth, maximumValues: maximumValues)
    }
}

/// Recursive descent over borrowed bytes. Every read is checked against the end.
struct JSONParser {
    let bytes: UnsafeRawBufferPointer
    let maximumDepth: Int
    private let maximumValues: Int
    private var values = 0
    private var position = 0
    /// The string with escapes that is being read.
    private var decoded: [UInt8] = []

    init(bytes: UnsafeRawBufferPointer, maximumDepth: Int, maximumValues: Int = .max) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
        self.maximumValues = maximumValues
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
        values += 1
        guard values <= maximumValues else {
            throw JSONError(
                offset: position, reason: "there are more than \(maximumValues) values", isTooLarge: true)
        }
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
        if byte == UInt8(ascii: "\"") {
            let plain = try text(UnsafeRawBufferPointer(rebasing: bytes[start..<position]), at: start)
            position += 1
            return plain
        }
        return try escaped(from: start)
    }

    /// A string with its first escape at `position`.
    private mutating func escaped(from start: Int) throws(JSONError) -> String {
        decoded.removeAll(keepingCapacity: true)
        var run = start
        while let byte = next {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                if run < position {
                    decoded.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[run..<position]))
                }
                guard byte == UInt8(ascii: "\\") else {
                    position += 1
                    let text = decoded.withUnsafeBytes { String(validating: $0, as: UTF8.self) }
                    guard let text else { throw notUTF8(at: start) }
                    return text
                }
                try escape()
                run = position
            } else {
                guard byte >= 0x20 else { throw error("a control character in a string must be escaped") }
                position += 1
            }
        }
        throw error("a string is not terminated")
    }

    private func text(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(JSONError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw notUTF8(at: offset) }
        return text
    }

    private func notUTF8(at offset: Int) -> JSONError {
        JSONError(offset: offset, reason: "a string is not valid UTF-8")
    }

    private mutating func escape() throws(JSONError) {
        position += 1
        guard let byte = next else { throw error("a string is not terminated") }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): decoded.append(byte)
        case UInt8(ascii: "b"): decoded.append(0x08)
        case UInt8(ascii: "f"): decoded.append(0x0C)
        case UInt8(ascii: "n"): decoded.append(0x0A)
        case UInt8(ascii: "r"): decoded.append(0x0D)
        case UInt8(ascii: "t"): decoded.append(0x09)
        case UInt8(ascii: "u"):
            position += 1
            return try unicode()
        default: throw error("an unknown escape in a string")
        }
        position += 1
    }

    /// The four digits of an escape, and with the first half of a pair the second.
    private mutating func unicode() throws(JSONError) {
        var code = try fourDigits()
        if code & 0xFC00 == 0xD800, position + 6 <= bytes.count, bytes[position] == UInt8(ascii: "\\"),
            bytes[position + 1] == UInt8(ascii: "u")
        {
            let start = position
            position += 2
            let second = try fourDigits()
            if second & 0xFC00 == 0xDC00 {
                code = 0x10000 + (code & 0x3FF) << 10 + second & 0x3FF
            } else {
                // Of another character.
                position = start
            }
        }
        let scalar = Unicode.Scalar(code) ?? "\u{FFFD}"
        decoded.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    private mutating func fourDigits() throws(JSONError) -> UInt32 {
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = next.flatMap(Self.hexValue) else {
                throw error("an escape needs four hexadecimal digits")
            }
            code = code << 4 | digit
            position += 1
        }
        return code
    }

    private static func hexValue(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) - 0x30
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte) - 0x61 + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte) - 0x41 + 10
        default: nil
        }
    }
}
