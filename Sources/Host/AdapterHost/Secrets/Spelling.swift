/// A text whose escapes of one kind were taken away, and where its bytes stand in the text before.
struct Spelling {
    private(set) var bytes: [UInt8] = []
    /// From each of these on, byte for byte, until the next.
    private var marks: [(at: Int, source: Int)] = [(0, 0)]
    /// What it was made from, if that is no text but another spelling: an index into the list of all.
    private var from: [Spelling] = []

    /// Every text that stands behind escapes of this one, escapes within escapes included.
    /// - Parameter limit: no more than so many.
    static func all(of text: UnsafeBufferPointer<UInt8>, plusIsSpace: Bool, limit: Int) -> [Spelling] {
        var all: [Spelling] = []
        var next = 0
        func add(_ bytes: UnsafeBufferPointer<UInt8>, _ from: [Spelling]) {
            for kind in Escape.allCases where all.count < limit {
                guard var spelling = kind.taken(from: bytes, plusIsSpace: plusIsSpace) else { continue }
                spelling.from = from
                all.append(spelling)
            }
        }
        add(text, [])
        while next < all.count, all.count < limit {
            let spelling = all[next]
            next += 1
            spelling.bytes.withUnsafeBufferPointer { add($0, spelling.from + [spelling.withoutBytes]) }
        }
        return all
    }

    private var withoutBytes: Spelling {
        var copy = self
        copy.bytes = []
        copy.from = []
        return copy
    }

    /// Where a part of this stands in the text that all was made from.
    func source(of range: Range<Int>) -> Range<Int> {
        var (lower, upper) = (place(range.lowerBound), place(range.upperBound))
        for spelling in from.reversed() { (lower, upper) = (spelling.place(lower), spelling.place(upper)) }
        return lower..<max(lower, upper)
    }

    private func place(_ position: Int) -> Int {
        var (low, high) = (0, marks.count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if marks[middle].at <= position { low = middle } else { high = middle }
        }
        return marks[low].source + position - marks[low].at
    }

    // MARK: Making one

    mutating func append(_ byte: UInt8) { bytes.append(byte) }

    /// - Parameter end: where the text goes on behind the escape.
    mutating func append(_ escaped: [UInt8], end: Int) {
        bytes += escaped
        marks.append((bytes.count, end))
    }
}

/// Ways to write a character by others.
enum Escape: CaseIterable {
    /// RFC 8259, section 7.
    case json
    /// RFC 3986, section 2.1, and "+" of forms.
    case percent
    /// What a page needs.
    case html

    /// Nil if there are none of this kind.
    func taken(from text: UnsafeBufferPointer<UInt8>, plusIsSpace: Bool) -> Spelling? {
        let mark: UInt8
        switch self {
        case .json: mark = UInt8(ascii: "\\")
        case .percent: mark = UInt8(ascii: "%")
        case .html: mark = UInt8(ascii: "&")
        }
        let plus = self == .percent && plusIsSpace ? UInt8(ascii: "+") : mark
        guard text.contains(where: { $0 == mark || $0 == plus }) else { return nil }
        var spelling = Spelling()
        var isChanged = false
        var index = 0
        while index < text.count {
            let byte = text[index]
            if byte == mark, let (escaped, length) = escaped(text, index) {
                index += length
                spelling.append(escaped, end: index)
                isChanged = true
            } else {
                index += 1
                spelling.append(byte == plus && byte != mark ? 0x20 : byte)
                if byte == plus && byte != mark { isChanged = true }
            }
        }
        return isChanged ? spelling : nil
    }

    /// What the escape stands for, and its length.
    private func escaped(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> ([UInt8], Int)? {
        switch self {
        case .json: Self.json(text, start)
        case .percent: Self.number(text, start + 1, digits: 2).map { ([UInt8($0)], 3) }
        case .html: Self.html(text, start)
        }
    }

    private static func json(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> ([UInt8], Int)? {
        guard start + 1 < text.count else { return nil }
        switch text[start + 1] {
        case UInt8(ascii: "b"): return ([0x08], 2)
        case UInt8(ascii: "f"): return ([0x0C], 2)
        case UInt8(ascii: "n"): return ([0x0A], 2)
        case UInt8(ascii: "r"): return ([0x0D], 2)
        case UInt8(ascii: "t"): return ([0x09], 2)
        case UInt8(ascii: "u"):
            guard let first = number(text, start + 2, digits: 4) else { return nil }
            if first & 0xFC00 == 0xD800, start + 7 < text.count, text[start + 6] == UInt8(ascii: "\\"),
                text[start + 7] == UInt8(ascii: "u"), let second = number(text, start + 8, digits: 4),
                second & 0xFC00 == 0xDC00
            {
                return utf8(0x10000 + (first & 0x3FF) << 10 + second & 0x3FF, length: 12)
            }
            return utf8(first, length: 6)
        case let byte: return ([byte], 2)
        }
    }

    private static let entities: [(name: StaticString, byte: UInt8)] = [
        ("amp;", 0x26), ("lt;", 0x3C), ("gt;", 0x3E), ("quot;", 0x22), ("apos;", 0x27),
    ]

    private static func html(_ text: UnsafeBufferPointer<UInt8>, _ start: Int) -> ([UInt8], Int)? {
        let rest = text[(start + 1)...]
        for (name, byte) in entities
        where rest.starts(with: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)) {
            return ([byte], 1 + name.utf8CodeUnitCount)
        }
        guard rest.first == UInt8(ascii: "#"), let end = rest.prefix(10).firstIndex(of: UInt8(ascii: ";")) else {
            return nil
        }
        let digits = rest[(start + 2)..<end]
        let isHexadecimal = digits.first.map { $0 | 0x20 } == UInt8(ascii: "x")
        let number = UInt32(
            String(decoding: isHexadecimal ? digits.dropFirst() : digits, as: UTF8.self), radix: isHexadecimal ? 16 : 10
        )
        return number.flatMap { utf8($0, length: end + 1 - start) }
    }

    private static func utf8(_ scalar: UInt32, length: Int) -> ([UInt8], Int)? {
        Unicode.Scalar(scalar).map { (Array(String($0).utf8), length) }
    }

    /// Hexadecimal digits.
    private static func number(_ text: UnsafeBufferPointer<UInt8>, _ start: Int, digits: Int) -> UInt32? {
        guard start + digits <= text.count else { return nil }
        var value: UInt32 = 0
        for index in start..<start + digits {
            switch text[index] {
            case let byte where (0x30...0x39).contains(byte): value = value << 4 | UInt32(byte - 0x30)
            case let byte where (0x61...0x66).contains(byte | 0x20): value = value << 4 | UInt32((byte | 0x20) - 0x57)
            default: return nil
            }
        }
        return value
    }
}
