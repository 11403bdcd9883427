/// One validating pass over a request body (RFC 8259), which remembers the few members that routing needs and
/// builds nothing else. Of the members that are read here none may come twice or in another spelling: the server that gets
/// the body might read the other one.
///
/// Invariant: `position` never exceeds `count`, and every read of `base` is at an index below `count`.
public struct RequestScanner {
    /// Nesting beyond this is refused.
    public static let maximumDepth = 256

    /// The members of the top level that are read here.
    private enum Member: UInt8 {
        case model, stream, tools, input, messages, streamOptions, responseFormat

        var name: StaticString {
            switch self {
            case .model: "model"
            case .stream: "stream"
            case .tools: "tools"
            case .input: "input"
            case .messages: "messages"
            case .streamOptions: "stream_options"
            case .responseFormat: "response_format"
            }
        }
    }

    let base: UnsafePointer<UInt8>
    let count: Int
    var position = 0
    var peek = RequestPeek()
    /// A bit for each `Member` that was met.
    private var seen: UInt8 = 0
    /// A member inside of the one under way was met.
    private var seenInside = false
    private var inputIsEmpty = false
    /// What is wrong though the text is JSON; the first counts.
    private var problem: RequestPeekError?

    private typealias Failure = RequestPeekError

    private init(_ base: UnsafePointer<UInt8>, _ count: Int) {
        self.base = base
        self.count = count
    }

    /// Scans a whole body. `bytes` is borrowed for the call.
    /// - Parameter needsInput: the request is for embeddings: there must be something in `input`, or in the `messages`
    ///   that some servers take instead.
    public static func scan(
        _ bytes: UnsafeRawBufferPointer, needsInput: Bool = false
    ) throws(RequestPeekError) -> RequestPeek {
        guard let start = bytes.baseAddress, bytes.count > 0 else {
            throw .malformed(offset: 0, reason: "the body is empty")
        }
        var scanner = RequestScanner(start.assumingMemoryBound(to: UInt8.self), bytes.count)
        let peek = try scanner.run()
        if needsInput, scanner.hasNoInput { throw .inputEmpty }
        return peek
    }

    private mutating func run() throws(RequestPeekError) -> RequestPeek {
        skipSpace()
        guard position < count else { throw malformed("the body is empty") }
        guard base[position] != 0xEF else { throw malformed("a byte order mark is not allowed") }
        let isObject = base[position] == UInt8(ascii: "{")
        if isObject { try topObject() } else { try value(depth: 1) }
        skipSpace()
        guard position == count else { throw malformed("unexpected data after the end") }
        guard isObject else { throw .notAnObject }
        guard has(.model) else { throw .modelMissing }
        if let problem { throw problem }
        guard !peek.model.isEmpty else { throw .modelNotString }
        return peek
    }

    private func has(_ member: Member) -> Bool { seen & 1 << member.rawValue != 0 }

    private var hasNoInput: Bool { has(.input) ? inputIsEmpty : !has(.messages) }

    // MARK: The members that matter

    private mutating func topObject() throws(RequestPeekError) {
        try object(depth: 1) { (scanner, key) throws(RequestPeekError) in try scanner.topMember(key) }
    }

    private mutating func topMember(_ key: ScannedString) throws(RequestPeekError) {
        guard let member = member(key) else { return try hint(key) }
        if has(member) { note(.twice("\(member.name)")) }
        seen |= 1 << member.rawValue
        let start = position
        switch member {
        case .model:
            guard base[start] == UInt8(ascii: "\"") else {
                peek.model = ""
                return try value(depth: 2)
            }
            let text = try string()
            guard text.span.count <= RequestPeek.maximumName else {
                throw .modelTooLong(beginning: beginning(of: text.span))
            }
            peek.modelSpan = start..<position
            peek.model = unescaped(text.span)
        case .stream:
            peek.stream = try flag("stream")
            peek.streamIsGiven = base[start] != UInt8(ascii: "n")
        case .tools:
            // What a tool's arguments are called tells of no image.
            let images = peek.images
            try value(depth: 2)
            peek.images = images
            peek.tools = base[start] == UInt8(ascii: "[") && holdsSomething(start..<position)
        case .input:
            try value(depth: 2)
            inputIsEmpty =
                switch base[start] {
                case UInt8(ascii: "n"): true
                case UInt8(ascii: "\""): position - start == 2
                case UInt8(ascii: "["): !holdsInput(start..<position)
                default: false
                }
        case .messages: try value(depth: 2)
        case .streamOptions:
            try inside("include_usage") { (scanner) throws(RequestPeekError) in
                scanner.peek.includeUsage = try scanner.flag("stream_options.include_usage")
            }
        case .responseFormat:
            let images = peek.images
            defer { peek.images = images }
            try inside("type") { (scanner) throws(RequestPeekError) in
                guard scanner.base[scanner.position] == UInt8(ascii: "\"") else { return try scanner.value(depth: 3) }
                let text = try scanner.string()
                scanner.peek.jsonMode = !(text.isPlain && scanner.matches(text.span, "text"))
            }
        }
    }

    private mutating func member(_ key: ScannedString) -> Member? {
        if key.isPlain {
            // Settles nearly all: names that are as long as none, or are one.
            switch key.span.count {
            case 5:
                if matches(key.span, "model") { return .model }
                if matches(key.span, "tools") { return .tools }
                if matches(key.span, "input") { return .input }
            case 6: if matches(key.span, "stream") { return .stream }
            case 8: if matches(key.span, "messages") { return .messages }
            case 14: if matches(key.span, "stream_options") { return .streamOptions }
            case 15: if matches(key.span, "response_format") { return .responseFormat }
            default: return nil
            }
        }
        var next: UInt8 = 0
        while let member = Member(rawValue: next) {
            if isNamed(key, member.name) { return member }
            next += 1
        }
        return nil
    }

    /// Looks for one member of an object, which must not come twice; anything else is passed over.
    private mutating func inside(
        _ name: StaticString, _ member: (inout RequestScanner) throws(RequestPeekError) -> Void
    ) throws(RequestPeekError) {
        guard base[position] == UInt8(ascii: "{") else { return try value(depth: 2) }
        seenInside = false
        try object(depth: 2) { (scanner, key) throws(RequestPeekError) in
            guard scanner.isNamed(key, name) else { return try scanner.value(depth: 3) }
            if scanner.seenInside { scanner.note(.twice("\(name)")) }
            scanner.seenInside = true
            try member(&scanner)
        }
    }

    /// True, false or null; anything else is noted.
    private mutating func flag(_ name: String) throws(RequestPeekError) -> Bool {
        let first = base[position]
        try value(depth: 3)
        switch first {
        case UInt8(ascii: "t"): return true
        case UInt8(ascii: "f"), UInt8(ascii: "n"): return false
        default:
            note(.notBool(name))
            return false
        }
    }

    private mutating func note(_ error: RequestPeekError) { problem = problem ?? error }

    /// Whether a key is a name that is read here. One that another reader may take for it is noted as misspelt: escapes are
    /// resolved by every reader, and many servers (all in Go) pass over the case of letters.
    private mutating func isNamed(_ key: ScannedString, _ name: StaticString) -> Bool {
        if key.isPlain {
            guard key.span.count == name.utf8CodeUnitCount else { return false }
            if matches(key.span, name) { return true }
            guard matchesWithoutCase(key.span, name) else { return false }
        } else {
            // An escape of a character has up to six bytes.
            guard key.span.count <= 6 * name.utf8CodeUnitCount, Self.folded(unescaped(key.span)) == "\(name)" else {
                return false
            }
        }
        note(.spelling("\(name)"))
        return false
    }

    func matchesWithoutCase(_ span: Range<Int>, _ name: StaticString) -> Bool {
        for index in 0..<span.count {
            let byte = base[span.lowerBound + index]
            let lower = byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte
            if lower != name.utf8Start[index] { return false }
        }
        return true
    }

    /// In lower case, also those two letters beyond ASCII that have one in it (long s, and the sign for kelvin).
    static func folded(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x41...0x5A: result.unicodeScalars.append(Unicode.Scalar(UInt8(scalar.value) | 0x20))
            case 0x17F: result += "s"
            case 0x212A: result += "k"
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// Whether an array's text has anything but space between its brackets.
    func holdsSomething(_ span: Range<Int>) -> Bool {
        var index = span.lowerBound + 1
        while index < span.upperBound - 1 {
            if !Self.isSpace(base[index]) { return true }
            index += 1
        }
        return false
    }

    /// Whether the text of a list has anything but empty lists and empty strings.
    private func holdsInput(_ span: Range<Int>) -> Bool {
        var index = span.lowerBound
        while index < span.upperBound {
            switch base[index] {
            case UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: ","): break
            case UInt8(ascii: "\""):
                index += 1
                if base[index] != UInt8(ascii: "\"") { return true }
            case let byte: if !Self.isSpace(byte) { return true }
            }
            index += 1
        }
        return false
    }

    /// What stands in the first bytes of a string, without what is cut within a character or an escape.
    private func beginning(of span: Range<Int>) -> String {
        // An escape has up to six bytes.
        let limit = span.lowerBound + 6 * EntryLimits.model
        var end = span.lowerBound
        while end < span.upperBound {
            let length =
                switch base[end] {
                case UInt8(ascii: "\\"): base[end + 1] == UInt8(ascii: "u") ? 6 : 2
                case 0xC0...0xDF: 2
                case 0xE0...0xEF: 3
                case 0xF0...0xFF: 4
                default: 1
                }
            if end + length > limit { break }
            end += length
        }
        return EntryLimits.cut(unescaped(span.lowerBound..<end), to: EntryLimits.model)
    }

    // MARK: Grammar

    mutating func value(depth: Int) throws(RequestPeekError) {
        guard position < count else { throw malformed("unexpected end") }
        switch base[position] {
        case UInt8(ascii: "\""):
            let text = try string()
            if text.span.count > Self.shortText, startsWithData(text.span) { peek.dataBytes += text.span.count }
        case UInt8(ascii: "{"):
            try object(depth: depth) { (scanner, key) throws(RequestPeekError) in
                try scanner.nested(key, depth: depth + 1)
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
    mutating func object(
        depth: Int, member: (inout RequestScanner, ScannedString) throws(RequestPeekError) -> Void
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

    mutating func string() throws(RequestPeekError) -> ScannedString {
        do {
            return try JSONStringScan.scan(base, count, from: &position)
        } catch {
            throw malformed(error.rawValue)
        }
    }

    // MARK: Small things

    /// Bytes of a string that count as text whatever they are.
    static let shortText = 256

    /// Of a string that has five bytes or more.
    func startsWithData(_ span: Range<Int>) -> Bool { matches(span.lowerBound..<span.lowerBound + 5, "data:") }

    /// Whether this text stands at `position`.
    func startsHere(_ text: StaticString) -> Bool {
        count - position >= text.utf8CodeUnitCount && matches(position..<position + text.utf8CodeUnitCount, text)
    }

    @inline(__always)
    private mutating func skipSpace() {
        while position < count, Self.isSpace(base[position]) { position += 1 }
    }

    @inline(__always)
    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    func matches(_ span: Range<Int>, _ text: StaticString) -> Bool {
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

    func unescaped(_ span: Range<Int>) -> String {
        JSONStringScan.unescaped(UnsafeBufferPointer(start: base + span.lowerBound, count: span.count))
    }
}
