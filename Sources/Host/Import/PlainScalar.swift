import Yams

/// What a scalar of a YAML text stands for: only what is written without quotes can be anything but a text (YAML 1.2, section 10.3.2).
enum PlainScalar {
    static func content(of scalar: Node.Scalar) -> SourceValue.Content {
        let text = AliasMarks.restored(scalar.string)
        let isText = scalar.style != .plain || scalar.tag.rawValue == "tag:yaml.org,2002:str"
        return isText ? .text(text) : content(plain: text)
    }

    static func content(plain text: String) -> SourceValue.Content {
        switch text {
        case "", "~", "null", "Null", "NULL": return .null
        case "true", "True", "TRUE": return .bool(true)
        case "false", "False", "FALSE": return .bool(false)
        default: break
        }
        guard let number = number(text) else { return .text(text) }
        return .number(number)
    }

    /// As Swift reads it; nil: it is none. Dates, versions and addresses are none.
    private static func number(_ text: String) -> String? {
        guard text.utf8.count <= 40, text.utf8.contains(where: { (0x30...0x39).contains($0) }) else { return nil }
        let digits = text.utf8.filter { $0 != UInt8(ascii: "_") }
        let plain = String(decoding: digits, as: UTF8.self)
        guard digits.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) }), let value = Double(plain),
            value.isFinite
        else { return nil }
        return plain.hasPrefix("+") ? String(plain.dropFirst()) : plain
    }
}
