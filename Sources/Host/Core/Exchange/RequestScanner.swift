/// One validating pass over a request body (RFC 8259), which remembers the few members that routing needs and
/// builds nothing else. Of a member given twice the last one counts, as with most JSON readers.
///
/// Invariant: `position` never exceeds `count`, and every read of `base` is at an index below `count`.
public struct RequestScanner {
    /// Nesting beyond this is refused.
    public static let maximumDepth = 256

    private let base: UnsafePointer<UInt8>
    private let count: Int
    private var position = 0
    private var peek = RequestPeek()
    private var modelSeen = false

    private typealias Failure = RequestPeekError

    private init(_ base: UnsafePointer<UInt8>, _ count: Int) {
        self.base = base
        self.count = count
    }

    /// Scans a whole body. `bytes` is borrowed for the call.
    public static func scan(_ bytes: UnsafeRawBufferPointer) throws(RequestPeekError) -> RequestPeek {
        guard let start = bytes.baseAddress, bytes.count > 0 else {
            throw .malformed(offset: 0, reason: "the body is empty")
        }
        var scanner = RequestScanner(start.assumingMemoryBound(to: UInt8.self), bytes.count)
        return try scanner.run()
    }

    private mutating func run() throws(RequestPeekError) -> RequestPeek {
        skipSpace()
        guard position < count else { throw malformed("the body is empty") }
        let isObject = base[position] == UInt8(ascii: "{")
        if isObject { try topObject() } else { try value(depth: 1) }
        skipSpace()
        guard position == count else { throw malformed("unexpected data after the end") }
        guard isObject else { throw .notAnObject }
        guard modelSeen else { throw .modelMissing }
        guard !peek.model.isEmpty else { throw .modelNotString }
        return peek
    }

    // MARK: The members that matter

    private mutating func topObject() throws(RequestPeekError) {
        try object(depth: 1) { (scanner, key) throws(RequestPeekError) in try scanner.topMember(key) }
    }

    private mutating func topMember(_ key: Range<Int>) throws(RequestPeekError) {
        switch key.count {
        case 5 where matches(key, "model"):
            modelSeen = true
            let start = position
            if base[position] == UInt8(ascii: "\"") {
                let text = try string()
                peek.modelSpan = start..<position
                peek.model = unescaped(text)
            } else {
                peek.model = ""
                try value(depth: 2)
            }
        case 6 where matches(key, "stream"):
            peek.stream = base[position] == UInt8(ascii: "t")
            peek.streamIsGiven = base[position] != UInt8(ascii: "n")
            try value(depth: 2)
        case 14 where matches(key, "stream_options") && base[position] == UInt8(ascii: "{"):
            try object(depth: 2) { (scanner, key) throws(RequestPeekError) in
                if scanner.matches(key, "include_usage") {
                    scanner.peek.includeUsage = scanner.base[scanner.position] == UInt8(ascii: "t")
                }
                try scanner.value(depth: 3)
            }
        case 5 where matches(key, "tools"):
            let start = position
            try value(depth: 2)
            peek.tools = base[start] == UInt8(ascii: "[") && holdsSomething(start..<position)
        case 15 where matches(key, "response_format") && base[position] == UInt8(ascii: "{"):
            try object(depth: 2) { (scanner, key) throws(RequestPeekError) in
                if scanner.matches(key, "type"), scanner.base[scanner.position] == UInt8(ascii: "\"") {
                    let text = try scanner.string()
                    scanner.peek.jsonMode = !scanner.matches(text, "text")
                } else {
                    try scanner.value(depth: 3)
                }
            }
        default:
            try value(depth: 2)
        }
    }

    /// Whether an array's text has anything but space between its brackets.
    private func holdsSomething(_ span: Range<Int>) -> Bool {
        var index = span.lowerBound + 1
        while index < span.upperBound - 1 {
            if !Self.isSpace(base[index]) { return true }
            index += 1
        }
        return false
    }

    // MARK: Grammar

    private mutating func value(depth: Int) throws(RequestPeekError) {
        guard position < count else { throw malformed("unexpected end") }
        switch base[position] {
        case UInt8(ascii: "\""): _ = try string()
        case UInt8(ascii: "{"):
            try object(depth: depth) { (scanner, key) throws(RequestPeekError) in
                if (key.count == 9 && scanner.matches(key, "image_url"))
                    || (key.count == 11 && scanner.matches(key, "input_image"))
                {
                    scanner.peek.images = true
                }
                try scanner.value(depth: depth + 1)
            }
        case UInt8(ascii: "["): try array(depth: depth)
        case UInt8(ascii: "t"): try literal("true")
        case UInt8(ascii: "f"): try literal("false")
        case UInt8(ascii: "n"): try literal("null")
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
        default: throw malformed("unexpected character")
        }
    }

    /// `member` is called with `position` at the first byte of the value and must consume that value.
    @inline(__always)
    private mutating func object(
        depth: Int, member: (inout RequestScanner, Range<Int>) throws(RequestPeekError) -> Void
    ) throws(RequestPeekError) {
        guard depth <= Self.maximumDepth else { throw malformed("nesting is too deep") }
        position += 1
        skipSpace()
        if position < count, base[position] == UInt8(ascii: "}") {
            position += 1
            return
        }
        while true {
            guard position < count else { throw malformed("unexpected end") }
            guard base[position] == UInt8(ascii: "\"") else { throw malformed("a member name is expected") }
            let key = try string()
            skipSpace()
            guard position < count, base[position] == UInt8(ascii: ":") else { throw malformed("':' is expected") }
            position += 1
            skipSpace()
            guard position < count else { throw malformed("unexpected end") }
            try member(&self, key)
            if try endOfList(closing: UInt8(ascii: "}")) { return }
        }
    }

    private mutating func array(depth: Int) throws(RequestPeekError) {
        guard depth <= Self.maximumDepth else { throw malformed("nesting is too deep") }
        position += 1
        skipSpace()
        if position < count, base[position] == UInt8(ascii: "]") {
            position += 1
            return
        }
        while true {
            try value(depth: depth + 1)
            if try endOfList(closing: UInt8(ascii: "]")) { return }
        }
    }

    private mutating func endOfList(closing: UInt8) throws(RequestPeekError) -> Bool {
        skipSpace()
        guard position < count else { throw malformed("unexpected end") }
        let byte = base[position]
        guard byte == UInt8(ascii: ",") || byte == closing else {
            throw malformed("',' or '\(Character(UnicodeScalar(closing)))' is expected")
        }
        position += 1
        if byte == closing { return true }
        skipSpace()
        return false
    }

    private mutating func literal(_ text: StaticString) throws(RequestPeekError) {
        let length = text.utf8CodeUnitCount
        guard count - position >= length, matches(position..<position + length, text) else {
            throw malformed("unexpected word")
        }
        position += length
    }

    private mutating func number() throws(RequestPeekError) {
        if base[position] == UInt8(ascii: "-") { position += 1 }
        guard position < count else { throw malformed("unexpected end") }
        if base[position] == UInt8(ascii: "0") {
            position += 1
        } else {
            try digits()
        }
        if position < count, base[position] == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if position < count, base[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            if position < count, base[position] == UInt8(ascii: "+") || base[position] == UInt8(ascii: "-") {
                position += 1
            }
            try digits()
        }
    }

    private mutating func digits() throws(RequestPeekError) {
        let start = position
        while position < count, base[position] &- 0x30 < 10 { position += 1 }
        guard position > start else { throw malformed("a digit is expected") }
    }

    private mutating func string() throws(RequestPeekError) -> Range<Int> {
        do {
            return try JSONStringScan.scan(base, count, from: &position)
        } catch {
            throw malformed(error.rawValue)
        }
    }

    // MARK: Small things

    @inline(__always)
    private mutating func skipSpace() {
        while position < count, Self.isSpace(base[position]) { position += 1 }
    }

    @inline(__always)
    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    private func matches(_ span: Range<Int>, _ text: StaticString) -> Bool {
        let length = text.utf8CodeUnitCount
        if span.count == length {
            let other = text.utf8Start
            for index in 0..<length where base[span.lowerBound + index] != other[index] { return false }
            return true
        }
        return false
    }

    private func malformed(_ reason: String) -> RequestPeekError {
        .malformed(offset: position, reason: reason)
    }

    private func unescaped(_ span: Range<Int>) -> String {
        JSONStringScan.unescaped(UnsafeBufferPointer(start: base + span.lowerBound, count: span.count))
    }
}
