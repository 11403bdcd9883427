/// How often somebody may try something in vain, by address. Pure, and bounded: of more addresses than are remembered the one whose
/// last failure is oldest is forgotten.
public struct AttemptLimit: Sendable {
    static let addresses = 1024
    /// Failures in a row of attempts, none further than `pause` from the one before.
    public static let attempts = 10
    /// Seconds.
    public static let pause: Int64 = 60

    private struct Entry {
        var failures: Int
        var last: Int64
    }

    private var entries: [String: Entry] = [:]

    public init() {}

    /// Seconds until the address may try again; nil: now.
    /// - Parameter now: seconds of any clock that does not go back.
    public func wait(_ address: String, now: Int64) -> Int? {
        guard let entry = entries[address], entry.failures >= Self.attempts, now - entry.last < Self.pause else {
            return nil
        }
        return Int(Self.pause - (now - entry.last))
    }

    public mutating func failed(_ address: String, now: Int64) {
        var entry = entries[address] ?? Entry(failures: 0, last: now)
        if now - entry.last >= Self.pause { entry.failures = 0 }
        entry.failures += 1
        entry.last = now
        if entries[address] == nil, entries.count >= Self.addresses,
            let oldest = entries.min(by: { $0.value.last < $1.value.last })?.key
        {
            entries[oldest] = nil
        }
        entries[address] = entry
    }

    public mutating func succeeded(_ address: String) { entries[address] = nil }
}
