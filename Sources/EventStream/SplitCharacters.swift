import Glibc

/// Makes characters whole of which a server has put one half at the end of a string and the other at the start of a string of
/// a later event: the tokens of a model are not whole characters. The halves are bytes of UTF-8, which make the JSON of both
/// events invalid, or escapes of UTF-16 (`\ud83d` and `\ude00`), each of which means nothing. A value for one stream.
public struct SplitCharacters: Sendable {
    /// Events after which the other half does not come any more.
    private static let patience = 16

    /// Bytes of a character without its end, or one escape.
    private var half: [UInt8] = [] {
        didSet { waited = 0 }
    }
    /// Events since it came.
    private var waited = 0

    public init() {}

    /// A character lacks its end.
    public var isWaiting: Bool { !half.isEmpty }

    /// Whether a text holds the escape of a half, perhaps beside that of the other. Cheap.
    public static func mayHoldHalf(_ json: UnsafeRawBufferPointer) -> Bool {
        guard let base = json.baseAddress else { return false }
        var position = 0
        while json.count - position >= 6, let hit = memchr(base + position, 0x5C, json.count - position - 5) {
            let index = UnsafeRawPointer(hit) - base
            if json[index + 1] == UInt8(ascii: "u"), json[index + 2] | 0x20 == UInt8(ascii: "d") { return true }
            // What follows a backslash is no other one's start.
            position = index + 2
        }
        return false
    }

    /// The JSON text of the next event with its characters whole: a half at the end of a string is kept back, and put before the
    /// other half. An end without a begin becomes U+FFFD. Nil if nothing is cut.
    public mutating func joined(_ json: UnsafeRawBufferPointer) -> [UInt8]? {
        var out: [UInt8] = []
        /// What comes before was taken over.
        var taken = 0
        var index = 0
        while let quote = json[index...].firstIndex(of: UInt8(ascii: "\"")) {
            var start = quote + 1
            guard let end = Self.endOfString(json, from: start) else { break }
            index = end + 1
            let head = Self.secondHalf(json, start, end)
            if !head.isEmpty {
                let whole = whole(with: json[head], isAll: head.upperBound == end)
                if let whole {
                    out.append(contentsOf: json[taken..<start])
                    out.append(contentsOf: whole)
                    (taken, start) = (head.upperBound, head.upperBound)
                }
            }
            let tail = Self.firstHalf(json, start, end)
            if !tail.isEmpty {
                half = Array(json[tail])
                out.append(contentsOf: json[taken..<tail.lowerBound])
                taken = end
            }
        }
        if isWaiting {
            waited += 1
            if waited > Self.patience { half = [] }
        }
        guard taken > 0 else { return nil }
        out.append(contentsOf: json[taken...])
        return out
    }

    /// What stands for the second half; nil: it stays as it is.
    /// - Parameter isAll: there is nothing else in its string.
    private mutating func whole(with second: Slice<UnsafeRawBufferPointer>, isAll: Bool) -> [UInt8]? {
        let first = half
        half = []
        let isEscape = second.first == UInt8(ascii: "\\")
        let fits = first.first.map { ($0 == UInt8(ascii: "\\")) == isEscape } ?? false
        if isEscape { return fits ? first + second : nil }
        let missing = fits ? Self.length(first[0]) - first.count - second.count : -1
        if missing == 0 { return first + second }
        // Cut more than once.
        if missing > 0, isAll {
            half = first + second
            return []
        }
        return [0xEF, 0xBF, 0xBD]
    }

    private static func endOfString(_ json: UnsafeRawBufferPointer, from start: Int) -> Int? {
        var index = start
        while index < json.count {
            if json[index] == UInt8(ascii: "\"") { return index }
            index += json[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return nil
    }

    /// Where a string begins with the end of a character.
    private static func secondHalf(_ json: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Range<Int> {
        var index = start
        while index < end, index < start + 3, json[index] & 0xC0 == 0x80 { index += 1 }
        if index == start, isHalf(json, start, end, ofHigh: false) { index += 6 }
        return start..<index
    }

    /// Where a string ends with the start of a character.
    private static func firstHalf(_ json: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Range<Int> {
        var index = end
        while index > start, index > end - 3 {
            index -= 1
            if json[index] & 0xC0 != 0x80 { break }
        }
        if index < end, index >= start, length(json[index]) > end - index { return index..<end }
        let escape = end - 6
        guard escape >= start, isHalf(json, escape, end, ofHigh: true) else { return end..<end }
        // An escaped backslash before letters is no escape.
        var slashes = 0
        while escape - slashes > start, json[escape - slashes - 1] == UInt8(ascii: "\\") { slashes += 1 }
        return slashes % 2 == 0 ? escape..<end : end..<end
    }

    /// Bytes of the character that begins with this one; 0: none does.
    private static func length(_ lead: UInt8) -> Int {
        switch lead {
        case 0xC2...0xDF: 2
        case 0xE0...0xEF: 3
        case 0xF0...0xF4: 4
        default: 0
        }
    }

    /// Whether an escape of UTF-16's first halves (D800 to DBFF), or of its second ones (DC00 to DFFF), begins here.
    private static func isHalf(_ json: UnsafeRawBufferPointer, _ start: Int, _ end: Int, ofHigh: Bool) -> Bool {
        guard start + 6 <= end, json[start] == UInt8(ascii: "\\"), json[start + 1] == UInt8(ascii: "u"),
            json[start + 2] | 0x20 == UInt8(ascii: "d")
        else { return false }
        switch json[start + 3] {
        case UInt8(ascii: "8"), UInt8(ascii: "9"), UInt8(ascii: "a"), UInt8(ascii: "b"), UInt8(ascii: "A"),
            UInt8(ascii: "B"):
            return ofHigh
        case UInt8(ascii: "c")...UInt8(ascii: "f"), UInt8(ascii: "C")...UInt8(ascii: "F"): return !ofHigh
        default: return false
        }
    }
}
