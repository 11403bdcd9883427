/// Finds the names that somebody may have meant. Pure, and cheap: the name that was asked for comes from a stranger, and
/// the answer is made on an event loop.
enum NearestNames {
    enum Limits {
        /// Names that are told.
        static let told = 20
        /// Names that are looked at; of more, any so many.
        static let looked = 4096
        /// Bytes of a name that are looked at.
        static let bytes = 64
        /// Bytes of a name that are told.
        static let name = 80
    }

    /// The nearest first; equals by name.
    static func of(_ wanted: String, in names: some Sequence<String>) -> [String] {
        let sign = Sign(wanted)
        return names.prefix(Limits.looked)
            .map { (name: $0, likeness: sign.likeness(to: Sign($0))) }
            .sorted { ($1.likeness, $0.name) < ($0.likeness, $1.name) }
            .prefix(Limits.told).map(\.name)
    }

    /// For a message: "'a', 'b' and 3 more"; nil if there are none. At most some two thousand bytes.
    static func list(of wanted: String, in names: some Collection<String>) -> String? {
        let nearest = of(wanted, in: names)
        guard !nearest.isEmpty else { return nil }
        let shown = nearest.map { "'\(short($0))'" }.joined(separator: ", ")
        return names.count > nearest.count ? "\(shown) and \(names.count - nearest.count) more" : shown
    }

    private static func short(_ name: String) -> String {
        guard name.utf8.count > Limits.name else { return name }
        // Not between characters: one of them may be the whole name.
        var short = String.UnicodeScalarView()
        var bytes = 0
        for scalar in name.unicodeScalars {
            bytes += UTF8.width(scalar)
            if bytes > Limits.name { break }
            short.append(scalar)
        }
        return String(short) + "…"
    }

    /// Which pairs of neighbouring letters a name has, as a set of 256 bits.
    private struct Sign {
        private var bits = SIMD4<UInt64>(repeating: 0)

        init(_ name: String) {
            var before: UInt8 = 0
            for byte in name.utf8.prefix(Limits.bytes) {
                // ASCII letters in either case are one.
                let letter = byte &- 0x41 < 26 ? byte | 0x20 : byte
                insert(before, letter)
                before = letter
            }
            insert(before, 0)
        }

        private mutating func insert(_ first: UInt8, _ second: UInt8) {
            let pair = UInt32(first) << 8 | UInt32(second)
            let hash = (pair &* 0x9E37_79B1) >> 24
            bits[Int(hash >> 6)] |= 1 << UInt64(hash & 63)
        }

        private static func count(_ bits: SIMD4<UInt64>) -> Int {
            (0..<4).reduce(0) { $0 + bits[$1].nonzeroBitCount }
        }

        /// Dice's coefficient in thousandths.
        func likeness(to other: Sign) -> Int {
            let all = Self.count(bits) + Self.count(other.bits)
            return all == 0 ? 0 : 2000 * Self.count(bits & other.bits) / all
        }
    }
}
