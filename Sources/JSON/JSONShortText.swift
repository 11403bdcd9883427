/// The characters of a string that may be one of the texts that are looked for, which are short: the first eight, and how
/// many there are.
struct JSONShortText: Sendable {
    /// More than the longest of those texts.
    private static let tooMany = 16

    /// The first byte lowest.
    private(set) var start: UInt64 = 0
    private(set) var count = 0

    /// - Parameter available: bytes of `text` that can be read.
    @inline(__always)
    mutating func add(_ text: UnsafePointer<UInt8>, _ count: Int, of available: Int) {
        guard self.count + count < Self.tooMany else { return giveUp() }
        if self.count == 0, count > 0, available >= 8 {
            start = JSONBytes.eight(text) & (~0 >> UInt64(max(0, 64 - 8 * count)))
            self.count = count
            return
        }
        for index in 0..<min(count, max(0, 8 - self.count)) {
            start |= UInt64(text[index]) << UInt64(8 * (self.count + index))
        }
        self.count += count
    }

    /// It is none of those texts, whatever else comes.
    mutating func giveUp() { count = Self.tooMany }
}
