/// How often durations fell into each of the `LogBuckets`, in a few bytes. It holds `capacity` buckets in a row. Where values
/// lie further apart than these reach, neighbours are joined, so that what is off grows and nothing is lost. A count that
/// would exceed a byte has all of them halved, by lot where they are odd: from then on each stands for twice as many values.
struct LogHistogram<let capacity: Int>: Sendable {
    private var counts = InlineArray<capacity, UInt8>(repeating: 0)
    /// The number of the first bucket.
    private var first: UInt8 = 0
    /// Buckets up to the last that has been used; 0: no value yet.
    private var used: UInt8 = 0
    /// Two to this power of the `LogBuckets` are one here.
    private(set) var shift: UInt8 = 0
    /// Two to this power of values are counted as one.
    private(set) var thinning: UInt8 = 0

    init() {}

    var isEmpty: Bool { used == 0 }

    /// Takes a value.
    /// - Parameter number: of `LogBuckets`.
    @inline(__always)
    mutating func add(_ number: UInt8, random: inout SeededRandom) {
        let offset = Int(number >> shift) &- Int(first)
        if thinning == 0, offset >= 0, offset < used, counts[offset] < .max {
            counts[offset] &+= 1
        } else {
            addElsewhere(number, random: &random)
        }
    }

    @inline(never)
    private mutating func addElsewhere(_ number: UInt8, random: inout SeededRandom) {
        // One of those that are counted as one is drawn.
        guard thinning == 0 || random.next() & ((1 << UInt64(thinning)) &- 1) == 0 else { return }
        put(Int(number), shift: 0, count: 1, thinning: thinning, random: &random)
    }

    /// Takes all values of another.
    mutating func merge<let other: Int>(_ values: LogHistogram<other>, random: inout SeededRandom) {
        values.eachBucket { number, count in
            put(number, shift: values.shift, count: Int(count), thinning: values.thinning, random: &random)
        }
    }

    /// All buckets that are not empty: their numbers at this histogram's shift, and what is counted.
    func eachBucket(_ body: (_ number: Int, _ count: UInt8) -> Void) {
        for offset in 0..<Int(used) where counts[offset] > 0 { body(Int(first) + offset, counts[offset]) }
    }

    private mutating func put(
        _ number: Int, shift given: UInt8, count: Int, thinning other: UInt8, random: inout SeededRandom
    ) {
        if used == 0 { (first, used, shift, thinning) = (UInt8(number), 1, given, other) }
        while shift < given { join(random: &random) }
        var number = number >> Int(shift - given)
        while !makeRoom(for: number) {
            join(random: &random)
            number >>= 1
        }
        let offset = number - Int(first)
        var count = count
        if other < thinning {
            count = Self.thinned(count, by: thinning - other, random: &random)
        } else if other > thinning {
            // What was counted more exactly is made as coarse.
            while thinning < other { halve(random: &random) }
        }
        while Int(counts[offset]) + count > Int(UInt8.max) {
            halve(random: &random)
            count = Self.thinned(count, by: 1, random: &random)
        }
        counts[offset] += UInt8(count)
    }

    /// False: it lies too far from the others.
    private mutating func makeRoom(for number: Int) -> Bool {
        let offset = number - Int(first)
        if offset >= 0 {
            guard offset < capacity else { return false }
            used = max(used, UInt8(offset + 1))
            return true
        }
        guard Int(used) - offset <= capacity else { return false }
        for index in (0..<Int(used)).reversed() { counts[index - offset] = counts[index] }
        for index in 0..<(-offset) { counts[index] = 0 }
        used = UInt8(Int(used) - offset)
        first = UInt8(number)
        return true
    }

    /// Makes one of each two neighbours.
    private mutating func join(random: inout SeededRandom) {
        let old = (counts: counts, first: Int(first), used: Int(used))
        shift += 1
        first >>= 1
        used = UInt8(((old.first + old.used - 1) >> 1) - Int(first) + 1)
        var sums = InlineArray<capacity, UInt16>(repeating: 0)
        for offset in 0..<old.used { sums[((old.first + offset) >> 1) - Int(first)] += UInt16(old.counts[offset]) }
        var tooMany = false
        for offset in 0..<capacity where sums[offset] > UInt8.max { tooMany = true }
        if tooMany { thinning += 1 }
        for offset in 0..<capacity {
            let sum = tooMany ? Self.thinned(Int(sums[offset]), by: 1, random: &random) : Int(sums[offset])
            counts[offset] = UInt8(sum)
        }
    }

    private mutating func halve(random: inout SeededRandom) {
        thinning += 1
        for offset in 0..<Int(used) {
            counts[offset] = UInt8(Self.thinned(Int(counts[offset]), by: 1, random: &random))
        }
    }

    /// A count divided by two to the power of `steps`; what is left over counts by lot, so that sums stay right on average.
    private static func thinned(_ count: Int, by steps: UInt8, random: inout SeededRandom) -> Int {
        guard steps < 32 else { return 0 }
        let rest = count & ((1 << Int(steps)) - 1)
        guard rest > 0 else { return count >> Int(steps) }
        return (count >> Int(steps)) + (Int(random.next() >> UInt64(64 - Int(steps))) < rest ? 1 : 0)
    }
}
