/// How often durations fell into each of the `LogBuckets`. A value; few of the buckets are used.
public struct KeptBuckets: Sendable, Equatable {
    struct Bucket: Equatable {
        var number: UInt8
        var count: UInt64
    }

    /// By their numbers, each once.
    private(set) var buckets: [Bucket] = []

    public init() {}

    /// - Parameter text: as `text` gives it; what is something else is passed over, or counts in some other bucket.
    public init(_ text: some Sequence<UInt8>) {
        var (number, count): (UInt64?, UInt64?) = (nil, nil)
        func end(_ buckets: inout KeptBuckets) {
            if let number, let count, number <= UInt8.max { buckets.add(UInt8(number), count) }
            (number, count) = (nil, nil)
        }
        for byte in text {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                let digit = UInt64(byte - UInt8(ascii: "0"))
                // No count is that long.
                count = ((count ?? 0) % 1_000_000_000_000_000) * 10 + digit
            case UInt8(ascii: ":"): (number, count) = (count, nil)
            default: end(&self)
            }
        }
        end(&self)
    }

    /// "number:count number:count", the smallest number first.
    public var text: String { buckets.map { "\($0.number):\($0.count)" }.joined(separator: " ") }

    mutating func add(_ number: UInt8, _ count: UInt64) {
        var place = buckets.count
        while place > 0, buckets[place - 1].number > number { place -= 1 }
        if place > 0, buckets[place - 1].number == number {
            let (sum, overflow) = buckets[place - 1].count.addingReportingOverflow(count)
            buckets[place - 1].count = overflow ? .max : sum
        } else {
            buckets.insert(Bucket(number: number, count: count), at: place)
        }
    }

    public mutating func merge(_ other: KeptBuckets) {
        for bucket in other.buckets { add(bucket.number, bucket.count) }
    }
}
