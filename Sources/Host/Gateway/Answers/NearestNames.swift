/// Finds the names that somebody may have meant. Pure, and cheap: the name that was asked for comes from a stranger, and
/// the answer is made on an event loop.
enum NearestNames {
    enum Limits {
        /// Names that are told.
        static let told = 20
        /// Names that are looked at; of more, any so many.
        static let looked = 1000
        /// Bytes of a name that are looked at.
        static let bytes = 64
        /// Bytes of a name that are told.
        static let name = 80
    }

    /// The nearest first; equals by name.
    static func of(_ wanted: String, in names: some Sequence<String>) -> [String] {
        PairTable.with(wanted) { pairs in
            // The best so far, the best first: most names are not among them, and cost one comparison of numbers.
            var best: [(name: String, likeness: Int)] = []
            best.reserveCapacity(Limits.told + 1)
            for name in names.prefix(Limits.looked) {
                let likeness = pairs.likeness(of: name)
                if best.count == Limits.told, let last = best.last {
                    if likeness < last.likeness || !precedes((name, likeness), last) { continue }
                    best.removeLast()
                }
                var index = best.count
                while index > 0, precedes((name, likeness), best[index - 1]) { index -= 1 }
                best.insert((name, likeness), at: index)
            }
            return best.map(\.name)
        }
    }

    private static func precedes(_ one: (name: String, likeness: Int), _ other: (name: String, likeness: Int)) -> Bool {
        if one.likeness != other.likeness { return one.likeness > other.likeness }
        // By bytes: an order of characters costs more for some names than for others.
        return one.name.utf8.lexicographicallyPrecedes(other.name.utf8)
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

    /// Which pairs of neighbouring letters the wanted name has, and how many of them another one shares. A pair is a number of
    /// eight bits; which ones were met in the name under way is told by its own number, so that nothing has to be cleared.
    private struct PairTable {
        private static let isWanted: UInt32 = 1 << 31

        /// For each pair: whether the wanted name has it, and the last name in which it was met.
        private let slots: UnsafeMutableBufferPointer<UInt32>
        private var name: UInt32 = 0
        private var wantedCount = 0

        static func with<Result>(_ wanted: String, _ body: (inout PairTable) -> Result) -> Result {
            withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 256) { slots in
                slots.initialize(repeating: 0)
                var table = PairTable(slots: slots)
                table.wantedCount = table.count(wanted).all
                for index in slots.indices where slots[index] != 0 { slots[index] |= isWanted }
                return body(&table)
            }
        }

        private init(slots: UnsafeMutableBufferPointer<UInt32>) { self.slots = slots }

        /// Dice's coefficient in thousandths.
        mutating func likeness(of name: String) -> Int {
            let (all, shared) = count(name)
            return 2000 * shared / (wantedCount + all)
        }

        /// Different pairs; at least one.
        private mutating func count(_ text: String) -> (all: Int, shared: Int) {
            name += 1
            return text.utf8.withContiguousStorageIfAvailable { count($0.prefix(Limits.bytes)) }
                ?? count(text.utf8.prefix(Limits.bytes))
        }

        private func count(_ bytes: some Sequence<UInt8>) -> (all: Int, shared: Int) {
            var (all, shared) = (0, 0)
            var before: UInt8 = 0
            func meet(_ letter: UInt8) {
                let pair = UInt32(before) << 8 | UInt32(letter)
                let index = Int((pair &* 0x9E37_79B1) >> 24)
                let slot = slots[index]
                before = letter
                if slot & ~Self.isWanted == name { return }
                slots[index] = slot & Self.isWanted | name
                all += 1
                shared += Int(slot >> 31)
            }
            // ASCII letters in either case are one.
            for byte in bytes { meet(byte &- 0x41 < 26 ? byte | 0x20 : byte) }
            meet(0)
            return (all, shared)
        }
    }
}
