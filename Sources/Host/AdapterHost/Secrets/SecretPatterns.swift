/// Finds any of many secrets in one pass over a text and over what stands behind its escapes: by the first four bytes, so that
/// nearly every place is passed by after one look.
///
/// Immutable, and shared by all copies of a backend's secrets.
final class SecretPatterns: Sendable {
    /// Where a secret stands.
    struct Place: Equatable {
        var range: Range<Int>
        var isKey: Bool
    }

    private struct Pattern: Sendable {
        let bytes: [UInt8]
        let isKey: Bool
        /// Of base64: what stands around it belongs to it.
        let isEncoded: Bool
        /// Where in it the four bytes are by which it is found: 0, or further on, for texts that repeat no more than a part.
        var anchor = 0
    }

    private static let head = Secrets.Limits.shortest
    /// Bits of `heads`, as a power of two.
    private let bits: Int
    /// Bytes between two anchors of a secret, at the least, and anchors of one secret. So of any part of 15 bytes one is found, and
    /// of a secret of kilobytes any of a line.
    private static let (anchorStep, anchorLimit) = (4, 256)
    /// Secrets that are found by the same four bytes further on in them.
    private static let sharedLimit = 8

    private let patterns: [Pattern]
    private let byHead: [UInt32: [Int]]
    /// One bit for each hash of a head that there is.
    private let heads: [UInt64]
    /// "+" may stand for a space.
    private let hasSpace: Bool

    init(keys: [String], options: [String]) {
        var patterns: [Pattern] = []
        var seen: Set<[UInt8]> = []
        for (texts, isKey) in [(keys, true), (options, false)] {
            for text in texts.flatMap(SecretForms.parts) where text.count >= Secrets.Limits.shortest {
                if seen.insert(text).inserted {
                    let step = max(Self.anchorStep, text.count / Self.anchorLimit)
                    // By each four bytes once: a secret that repeats itself must not make this slow.
                    var words: Set<UInt32> = []
                    for anchor in stride(from: 0, through: text.count - Self.head, by: step)
                    where words.insert(text.withUnsafeBufferPointer { Self.word($0, anchor) }).inserted {
                        patterns.append(Pattern(bytes: text, isKey: isKey, isEncoded: false, anchor: anchor))
                    }
                }
                for encoded in SecretForms.base64(text) where seen.insert(encoded).inserted {
                    patterns.append(Pattern(bytes: encoded, isKey: isKey, isEncoded: true))
                }
            }
        }
        var byHead: [UInt32: [Int]] = [:]
        var bits = 12
        while 1 << bits < 16 * patterns.count { bits += 1 }
        self.bits = bits
        var heads = [UInt64](repeating: 0, count: 1 << bits / 64)
        for (index, pattern) in patterns.enumerated() {
            let word = pattern.bytes.withUnsafeBufferPointer { Self.word($0, pattern.anchor) }
            // What so many secrets have in common is none, and a server may repeat it for long.
            guard pattern.anchor == 0 || byHead[word, default: []].count < Self.sharedLimit else { continue }
            byHead[word, default: []].append(index)
            let bit = Self.bit(word, bits)
            heads[bit >> 6] |= 1 << UInt64(bit & 63)
        }
        hasSpace = patterns.contains { $0.bytes.contains(0x20) }
        self.patterns = patterns
        self.byHead = byHead
        self.heads = heads
    }

    var isEmpty: Bool { patterns.isEmpty }

    /// In order, without overlaps.
    func found(in text: UnsafeBufferPointer<UInt8>) -> [Place] {
        var places: [Place] = []
        find(in: text, wholeOnly: false) { places.append($0) }
        let limit =
            text.count > Secrets.Limits.large ? Secrets.Limits.spellingsOfLarge : Secrets.Limits.spellings
        for spelling in Spelling.all(of: text, plusIsSpace: hasSpace, limit: limit) {
            spelling.bytes.withUnsafeBufferPointer { bytes in
                find(in: bytes, wholeOnly: false) { place in
                    places.append(Place(range: spelling.source(of: place.range), isKey: place.isKey))
                }
            }
        }
        return Self.merged(places)
    }

    /// A whole secret, not a short one, stands in a name.
    func isName(with text: UnsafeBufferPointer<UInt8>) -> Bool {
        var isFound = false
        find(in: text, wholeOnly: true) { _ in isFound = true }
        for spelling in Spelling.all(of: text, plusIsSpace: hasSpace, limit: Secrets.Limits.spellings) where !isFound {
            spelling.bytes.withUnsafeBufferPointer { find(in: $0, wholeOnly: true) { _ in isFound = true } }
        }
        return isFound
    }

    // MARK: One pass

    /// - Parameter wholeOnly: neither parts of secrets nor short ones.
    private func find(in text: UnsafeBufferPointer<UInt8>, wholeOnly: Bool, _ take: (Place) -> Void) {
        guard text.count >= Self.head else { return }
        for start in 0...(text.count - Self.head) {
            let word = Self.word(text, start)
            let bit = Self.bit(word, bits)
            guard heads[bit >> 6] & (1 << UInt64(bit & 63)) != 0, let candidates = byHead[word] else { continue }
            var best: (range: Range<Int>, index: Int)?
            for index in candidates {
                let range = matched(patterns[index], in: text, at: start, wholeOnly: wholeOnly)
                if range.count > best?.range.count ?? 0 { best = (range, index) }
            }
            guard let best else { continue }
            let (pattern, range) = (patterns[best.index], best.range)
            take(
                Place(
                    range: pattern.isEncoded && !wholeOnly ? Self.around(range, in: text) : range, isKey: pattern.isKey)
            )
        }
    }

    /// Bytes of the text that are to be hidden for this pattern; an empty range: none.
    /// - Parameter start: where the pattern's anchor was found.
    private func matched(
        _ pattern: Pattern, in text: UnsafeBufferPointer<UInt8>, at start: Int, wholeOnly: Bool
    ) -> Range<Int> {
        let (bytes, anchor) = (pattern.bytes, pattern.anchor)
        let none = start..<start
        // The whole is found by its beginning.
        guard anchor == 0 || !wholeOnly else { return none }
        let limit = min(bytes.count - anchor, text.count - start)
        var length = Self.head
        while length < limit, bytes[anchor + length] == text[start + length] { length += 1 }
        if length == bytes.count {
            return wholeOnly && length < Secrets.Limits.shortestInName ? none : start..<start + length
        }
        if wholeOnly { return none }
        var before = 0
        while before < anchor, before < start, bytes[anchor - before - 1] == text[start - before - 1] { before += 1 }
        // The space before a word is not the word's.
        while before > 0, bytes[anchor - before] == 0x20 { before -= 1 }
        let isCut =
            anchor == 0 && start + length == text.count && text.count >= Secrets.Limits.longText
            && length >= Secrets.Limits.partAtEnd
        return isCut || before + length >= Secrets.Limits.part ? start - before..<start + length : none
    }

    /// The whole of what is encoded: the user before a password, say.
    private static func around(_ range: Range<Int>, in text: UnsafeBufferPointer<UInt8>) -> Range<Int> {
        var (lower, upper) = (range.lowerBound, range.upperBound)
        while lower > 0, SecretForms.isBase64(text[lower - 1]) { lower -= 1 }
        while upper < text.count, SecretForms.isBase64(text[upper]) { upper += 1 }
        while upper < text.count, text[upper] == UInt8(ascii: "=") { upper += 1 }
        return lower..<upper
    }

    private static func word(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int) -> UInt32 {
        UInt32(bytes[start]) | UInt32(bytes[start + 1]) << 8 | UInt32(bytes[start + 2]) << 16
            | UInt32(bytes[start + 3]) << 24
    }

    private static func bit(_ word: UInt32, _ bits: Int) -> Int { Int((word &* 0x9E37_79B1) >> UInt32(32 - bits)) }

    private static func merged(_ places: [Place]) -> [Place] {
        guard places.count > 1 else { return places }
        var result: [Place] = []
        for place in places.sorted(by: {
            ($0.range.lowerBound, $1.range.upperBound) < ($1.range.lowerBound, $0.range.upperBound)
        }) {
            if let last = result.last, place.range.lowerBound < last.range.upperBound {
                let end = max(last.range.upperBound, place.range.upperBound)
                result[result.count - 1].range = last.range.lowerBound..<end
            } else {
                result.append(place)
            }
        }
        return result
    }
}
