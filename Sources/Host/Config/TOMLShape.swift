/// Looks over a TOML text before the parser sees it, which recurses on what is nested: how deep tables, arrays and dotted keys
/// lead, how long a key is, and whether there are bytes that no TOML has, or escapes of NUL, which ends a text for the parser. One pass, no recursion, memory by the depth that is
/// allowed.
///
/// It counts at least as deep as the text really is; of what is no TOML anyway it may count more.
struct TOMLShape {
    enum Limits {
        /// Tables and arrays within each other, each part of a dotted key counted.
        static let depth = 64
        /// Bytes of one key, with its dots and quotes.
        static let key = 1024
    }

    private let text: UnsafeBufferPointer<UInt8>
    private var position = 0
    private var line = 1
    /// Depth of the table that the last header names.
    private var table = 0
    /// Each open bracket: the depth around it.
    private var outer: [(depth: Int, isTable: Bool)] = []
    /// Of what is open now, without the key.
    private var depth = 0
    /// Parts of the key that is read, or that was read before a value.
    private var parts = 1
    /// Bytes of the key so far, without space; nil within a value.
    private var keyLength: Int? = 0
    private var isHeader = false
    /// What was met that the parser would trip over: it takes for granted that there is no such thing, and ends the process.
    private var flaw: String?
    /// Brackets of a header whose name is to come.
    private var brackets = 0

    private init(_ text: UnsafeBufferPointer<UInt8>) { self.text = text }

    /// What is wrong; nil if nothing is.
    static func problem(in text: String) -> ConfigurationProblem? {
        var text = text
        return text.withUTF8 { bytes in
            var shape = TOMLShape(bytes)
            return shape.run()
        }
    }

    private mutating func run() -> ConfigurationProblem? {
        // A byte order mark, which the parser passes over.
        if text.starts(with: "\u{FEFF}".utf8) { position = 3 }
        while position < text.count {
            take(text[position])
            if position < text.count, Self.isForbidden(text[position]) {
                // The parser would take the text before a NUL for all of it.
                return problem("there is a control character (byte \(text[position])): the file is damaged, or no text")
            }
            if isNameless {
                flaw = "the name of a table begins with a letter, a digit, \"_\", \"-\" or a quote"
            }
            if isTimeless { flaw = "behind a date and its T or space there must be a time" }
            if let flaw { return problem(flaw) }
            if depth + parts > Limits.depth {
                return problem("tables, arrays and dotted keys lead deeper than \(Limits.depth) levels here")
            }
            if let keyLength, keyLength > Limits.key {
                return problem("a key is longer than \(Limits.key) bytes")
            }
        }
        return nil
    }

    private func problem(_ message: String) -> ConfigurationProblem {
        ConfigurationProblem(key: "", line: line, message: message)
    }

    /// What a header begins with is no name, nor the end of none, which the parser tells.
    private var isNameless: Bool {
        guard brackets > 0, position < text.count else { return false }
        switch text[position] {
        case 0x20, 0x09, 0x30...0x39, 0x41...0x5A, 0x61...0x7A: return false
        case UInt8(ascii: "["): return brackets > 1
        case UInt8(ascii: "]"), UInt8(ascii: "_"), UInt8(ascii: "-"): return false
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return false
        default: return true
        }
    }

    /// A digit, a T, and no digit; or a digit, a space, and one digit alone: outside of texts only what is to be an instant has that.
    private var isTimeless: Bool {
        guard keyLength == nil, position > 0, position < text.count, isDigit(position - 1) else { return false }
        if text[position] == 0x20 { return isDigit(position + 1) && !isDigit(position + 2) }
        return text[position] | 0x20 == UInt8(ascii: "t") && !isDigit(position + 1)
    }

    private func isDigit(_ index: Int) -> Bool { index < text.count && (0x30...0x39).contains(text[index]) }

    /// Takes what stands at the position, and moves behind it; not over a byte that is forbidden.
    private mutating func take(_ byte: UInt8) {
        guard !Self.isForbidden(byte) else { return }
        if byte != 0x20, byte != 0x09, byte != UInt8(ascii: "[") { brackets = 0 }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return skipString(byte)
        case UInt8(ascii: "#"): return skipComment()
        case UInt8(ascii: "\n"): endLine()
        case UInt8(ascii: "["), UInt8(ascii: "{"): open(isTable: byte == UInt8(ascii: "{"))
        case UInt8(ascii: "]"), UInt8(ascii: "}"): close(isTable: byte == UInt8(ascii: "}"))
        case UInt8(ascii: "="): keyLength = nil
        case UInt8(ascii: ","):
            parts = 1
            keyLength = outer.last?.isTable == true ? 0 : nil
        case 0x20, 0x09, 0x0D: break
        default:
            // Some of it the parser takes for space in one place and not in the next.
            if byte >= 0x80 { flaw = "a character beyond ASCII stands outside of quotes" }
            if byte == UInt8(ascii: ".") { parts += 1 }
            if let length = keyLength { keyLength = length + 1 }
        }
        position += 1
    }

    // MARK: Parts of a text

    private mutating func endLine() {
        line += 1
        guard outer.isEmpty else { return }
        if isHeader { table = parts + 1 }
        isHeader = false
        depth = table
        parts = 1
        keyLength = 0
    }

    private mutating func open(isTable: Bool) {
        if outer.isEmpty, let keyLength, keyLength == 0 || isHeader {
            // A header names its table from the root.
            isHeader = true
            brackets += 1
            depth = 0
            return
        }
        outer.append((depth, isTable))
        depth += parts
        parts = 1
        keyLength = isTable ? 0 : nil
    }

    private mutating func close(isTable: Bool) {
        guard let before = outer.popLast() else { return }
        if isTable, !before.isTable { flaw = "a \"}\" stands in a list, and no \"{\" before it" }
        depth = before.depth
        parts = 1
        keyLength = nil
    }

    private mutating func skipComment() {
        while position < text.count, text[position] != UInt8(ascii: "\n"), !Self.isForbidden(text[position]) {
            position += 1
        }
    }

    private mutating func skipString(_ quote: UInt8) {
        let start = position
        let isLong = isQuote(quote, position + 1) && isQuote(quote, position + 2)
        position += isLong ? 3 : 1
        while position < text.count, !Self.isForbidden(text[position]) {
            let byte = text[position]
            // One that is not closed on its line is an error, which the parser tells.
            if byte == UInt8(ascii: "\n"), !isLong { break }
            position += 1
            if byte == UInt8(ascii: "\n") { line += 1 }
            if byte == UInt8(ascii: "\\"), quote == UInt8(ascii: "\"") {
                // The parser would end the text there.
                if isNul(at: position) { flaw = "a text holds an escape of NUL, which nothing can have in it" }
                // Not over a line end, which counts.
                if position < text.count, text[position] == quote || text[position] == byte { position += 1 }
            } else if byte == quote {
                guard isLong else { break }
                guard isQuote(quote, position), isQuote(quote, position + 1) else { continue }
                position += 2
                // Up to two more belong to the text.
                while isQuote(quote, position) { position += 1 }
                break
            }
        }
        if let length = keyLength { keyLength = length + position - start }
    }

    /// Whether `x00`, `u0000` or `U00000000` stands there.
    private func isNul(at index: Int) -> Bool {
        guard index < text.count else { return false }
        let digits: Int
        switch text[index] {
        case UInt8(ascii: "x"): digits = 2
        case UInt8(ascii: "u"): digits = 4
        case UInt8(ascii: "U"): digits = 8
        default: return false
        }
        guard text.count - index > digits else { return false }
        return text[index + 1...index + digits].allSatisfy { $0 == UInt8(ascii: "0") }
    }

    private func isQuote(_ quote: UInt8, _ index: Int) -> Bool { index < text.count && text[index] == quote }

    private static func isForbidden(_ byte: UInt8) -> Bool {
        byte == 0x7F || byte < 0x20 && byte != 0x09 && byte != 0x0A && byte != 0x0D
    }
}
