import Yams

/// Hides the aliases of a YAML text (`*name`) from its parser: each becomes a word that begins with a character that no text has. Where
/// the parser then finds that word alone and without quotes there was an alias; anywhere else it was text. Lines and columns stay.
enum AliasMarks {
    /// A character for private use (Unicode, section 23.5), which no file may hold.
    private static let mark: Unicode.Scalar = "\u{F8F4}"

    /// - Throws: for what no YAML text holds either: control characters; and for the mark itself.
    static func hide(in text: String) throws(ImportProblem) -> String {
        try refuseControls(in: text)
        let bytes = Array(text.utf8)
        var names: Set<ArraySlice<UInt8>> = []
        var hidden: [UInt8] = []
        hidden.reserveCapacity(bytes.count + 64)
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            index += 1
            // Looked at only where it may be one, so that each byte is looked at a few times at the most.
            let isMark = byte == UInt8(ascii: "*") || byte == UInt8(ascii: "&")
            let name: ArraySlice<UInt8> = isMark ? bytes[index...].prefix(while: isName) : []
            // An alias stands for an anchor before it: any other star is none.
            if byte == UInt8(ascii: "*"), !name.isEmpty, names.contains(name) {
                hidden += Array(String(mark).utf8)
            } else {
                if byte == UInt8(ascii: "&"), !name.isEmpty { names.insert(name) }
                hidden.append(byte)
            }
        }
        return String(decoding: hidden, as: UTF8.self)
    }

    /// The name of the alias that a scalar was; nil: it was none.
    static func name(in scalar: Node.Scalar) -> String? {
        guard scalar.style == .plain, scalar.string.unicodeScalars.first == mark else { return nil }
        let name = scalar.string.unicodeScalars.dropFirst()
        guard !name.isEmpty, name.allSatisfy({ $0.isASCII && isName(UInt8($0.value)) }) else { return nil }
        return String(name)
    }

    /// A text as it stands in the file.
    static func restored(_ text: String) -> String {
        guard text.unicodeScalars.contains(mark) else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { $0 == mark ? "*" : $0 }))
    }

    /// As libyaml reads the names of anchors.
    private static func isName(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "_"), UInt8(ascii: "-"): true
        default: false
        }
    }

    private static func refuseControls(in text: String) throws(ImportProblem) {
        var line = 1
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x0A: line += 1
            case 0x09, 0x0D, 0x20...0x7E,
                0x80...0x10FFFF where scalar != mark:
                break
            default:
                throw ImportProblem(
                    line: line,
                    "there is a control character (U+\(String(scalar.value, radix: 16, uppercase: true))): the file is damaged, or no text"
                )
            }
        }
    }
}
