/// The header fields of one part of a form.
struct FormPartHead {
    private var parameters: FormParameters
    /// What a server may do with the value before it reads it: nobody's words for a plain field.
    private var isEncoded = false

    /// - Parameter bytes: the lines, without the empty one behind them. A few kilobytes at most.
    init(_ bytes: UnsafeRawBufferPointer) throws(RequestPeekError) {
        var disposition: FormParameters?
        for line in try Self.lines(bytes) {
            guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
                throw .form(reason: "a part has header fields without a colon")
            }
            let value = Array(line[(colon + 1)...])
            switch String(decoding: line[..<colon], as: UTF8.self).lowercased() {
            case "content-disposition":
                guard disposition == nil else { throw .form(reason: "a part has two Content-Disposition") }
                disposition = FormParameters(value)
                guard disposition?.value == "form-data" else {
                    throw .form(reason: "a part's Content-Disposition cannot be read")
                }
            case "content-transfer-encoding":
                let coding = String(decoding: value, as: UTF8.self).lowercased().filter { $0 != " " && $0 != "\t" }
                if !["7bit", "8bit", "binary"].contains(coding) { isEncoded = true }
            case "content-type":
                let charset = FormParameters(value)?.only("charset")?.lowercased() ?? "utf-8"
                if !["utf-8", "utf8", "us-ascii"].contains(charset) { isEncoded = true }
            default: break
            }
        }
        guard let disposition else { throw .form(reason: "a part has no Content-Disposition") }
        parameters = disposition
    }

    /// Which of the fields that are read it is; nil: none of them.
    func field(of names: [String]) throws(RequestPeekError) -> String? {
        guard !parameters.has("name*") else { throw .form(reason: "a part has a name*, which forms do not know") }
        guard let name = parameters.only("name") else { throw .form(reason: "a part does not have one name") }
        guard let known = names.first(where: { $0 == Self.folded(name) }) else { return nil }
        guard name == known else { throw .spelling(known) }
        guard !parameters.has("filename"), !parameters.has("filename*") else {
            throw .form(reason: "the field \(known) is a file")
        }
        guard !isEncoded else { throw .form(reason: "the field \(known) must be plain UTF-8") }
        return known
    }

    /// A name as a tolerant reader might take it: percent signs resolved, without case, without spaces around.
    private static func folded(_ name: String) -> String {
        var bytes: [UInt8] = []
        var rest = Array(name.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(code)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        let text = bytes.split(whereSeparator: { $0 <= 0x20 }).joined()
        return String(decoding: Array(text), as: UTF8.self).lowercased()
    }

    private static func lines(_ bytes: UnsafeRawBufferPointer) throws(RequestPeekError) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var line: [UInt8] = []
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            guard byte == 0x0D || byte == 0x0A || byte == 0 else {
                line.append(byte)
                continue
            }
            guard byte == 0x0D, index < bytes.count, bytes[index] == 0x0A else {
                throw .form(reason: "a part's header fields have a bare line end or a NUL")
            }
            index += 1
            lines.append(line)
            line = []
        }
        lines.append(line)
        guard lines.allSatisfy({ $0.first != 0x20 && $0.first != 0x09 }) else {
            throw .form(reason: "a part's header fields are folded")
        }
        return lines
    }
}

/// A header field's value with parameters behind it: `form-data; name="a"`.
struct FormParameters {
    /// What stands before the parameters, in lower case.
    private(set) var value = ""
    private var all: [(name: String, value: String)] = []

    /// Nil if it cannot be read.
    init?(_ bytes: [UInt8]) {
        var rest = bytes[...]
        value = Self.trimmed(rest.prefix { $0 != UInt8(ascii: ";") }).lowercased()
        rest = rest.drop { $0 != UInt8(ascii: ";") }
        while rest.first == UInt8(ascii: ";") {
            rest = rest.dropFirst().drop { Self.isSpace($0) }
            // An empty one, such as after the last semicolon.
            if rest.isEmpty || rest.first == UInt8(ascii: ";") { continue }
            let name = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: ";") }
            rest = rest.dropFirst(name.count)
            guard rest.popFirst() == UInt8(ascii: "=") else { return nil }
            rest = rest.drop { Self.isSpace($0) }
            guard let value = rest.first == UInt8(ascii: "\"") ? Self.quoted(&rest) : Self.token(&rest) else {
                return nil
            }
            all.append((Self.trimmed(name).lowercased(), value))
            rest = rest.drop { Self.isSpace($0) }
        }
        if !rest.isEmpty { return nil }
    }

    func has(_ name: String) -> Bool { all.contains { $0.name == name } }

    /// Nil also if there are several.
    func only(_ name: String) -> String? {
        let values = all.filter { $0.name == name }
        return values.count == 1 ? values[0].value : nil
    }

    private static func token(_ rest: inout ArraySlice<UInt8>) -> String? {
        let token = rest.prefix { $0 != UInt8(ascii: ";") }
        rest = rest.dropFirst(token.count)
        return token.contains(UInt8(ascii: "\"")) ? nil : trimmed(token)
    }

    /// A backslash takes the next character as it is.
    private static func quoted(_ rest: inout ArraySlice<UInt8>) -> String? {
        rest = rest.dropFirst()
        var text: [UInt8] = []
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                guard let next = rest.popFirst() else { return nil }
                text.append(next)
            default: text.append(byte)
            }
        }
        return nil
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> String {
        var bytes = bytes.drop { isSpace($0) }
        while let last = bytes.last, isSpace(last) { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
