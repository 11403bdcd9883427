/// How often in a row runs of the gateway have ended by a crash in each adapter. Pure: events in, counts out; what is kept
/// between runs is the business of whoever holds it.
///
/// A row belongs to a content: a file that was replaced begins a new one, and comes back to the old one with the old bytes. It is
/// broken by a calm run with that content in use, not by a crash elsewhere: two adapters that crash in turns are left out both.
public struct CrashCounts: Sendable, Equatable {
    public enum Limits {
        /// Contents that are remembered. Beyond them the one goes whose last crash is the longest ago, one that is left out last.
        public static let records = 256
    }

    public enum Event: Sendable, Equatable {
        case crashed(AdapterCrash)
        /// A run with these in use ended in order, or went on for `calmSeconds`.
        case calm(Set<ContentHash>)
        /// An operator wants these back.
        case released(Set<ContentHash>)
    }

    public enum Entry: Sendable, Equatable {
        case record(CrashRecord)
        /// What is kept of it cannot be read: it may be left out, or not, so it is.
        case unreadable(String)
    }

    /// Seconds with an adapter in use after which what it did before counts no more.
    public static let calmSeconds = 600

    public private(set) var entries: [ContentHash: Entry]

    public init(_ entries: [ContentHash: Entry] = [:]) { self.entries = entries }

    /// - Parameter limit: crashes in a row after which a content is left out; 0: never.
    public mutating func take(_ event: Event, limit: Int) {
        switch event {
        case .crashed(let crash): count(crash, limit: limit)
        case .calm(let hashes):
            // Of what was left out a calm run says nothing, even if somebody says that it was in use.
            for hash in hashes where !isOut(hash, limit: limit) { entries[hash] = nil }
        case .released(let hashes): for hash in hashes { entries[hash] = nil }
        }
    }

    private mutating func count(_ crash: AdapterCrash, limit: Int) {
        switch entries[crash.hash] {
        case .unreadable: return
        case .record(let before):
            // Notes may be read in another order than they were written.
            let last = crash.at >= before.last.at ? crash : before.last
            entries[crash.hash] = .record(CrashRecord(crashes: min(before.crashes + 1, CrashRecord.limit), last: last))
        case nil:
            if entries.count >= Limits.records, let oldest = oldest(limit: limit) { entries[oldest] = nil }
            entries[crash.hash] = .record(CrashRecord(crashes: 1, last: crash))
        }
    }

    private func oldest(limit: Int) -> ContentHash? {
        func age(_ item: (key: ContentHash, value: Entry)) -> (Int, Int64, ContentHash) {
            guard case .record(let record) = item.value else { return (2, .max, item.key) }
            return (isOut(item.key, limit: limit) ? 1 : 0, record.last.at, item.key)
        }
        return entries.min { age($0) < age($1) }?.key
    }

    private func isOut(_ hash: ContentHash, limit: Int) -> Bool { leftOut(hash, limit: limit) != nil }

    private func leftOut(_ hash: ContentHash, limit: Int) -> AdapterRules.LeftOut? {
        guard limit > 0 else { return nil }
        switch entries[hash] {
        case .record(let record): return record.crashes >= limit ? .crashes(record) : nil
        case .unreadable(let reason): return .unreadable(reason)
        case nil: return nil
        }
    }

    /// What is left out at the start of a run.
    /// - Parameter limit: as in `take`.
    public func leftOut(limit: Int) -> [ContentHash: AdapterRules.LeftOut] {
        var out: [ContentHash: AdapterRules.LeftOut] = [:]
        for hash in entries.keys { out[hash] = leftOut(hash, limit: limit) }
        return out
    }

    /// Contents that an operator means.
    /// - Parameter name: a type, a path, the name of a file, or at least 8 digits of a hash.
    public func named(_ name: String) -> Set<ContentHash> {
        guard !name.isEmpty else { return [] }
        let digits = name.lowercased()
        let isHash = digits.utf8.count >= 8 && digits.utf8.allSatisfy { Hexadecimal.isDigit($0) }
        return Set(
            entries.compactMap { hash, entry in
                if isHash, hash.text.hasPrefix(digits) { return hash }
                guard case .record(let record) = entry else { return nil }
                let last = record.last
                // A path may be written in many ways, so its last part counts.
                return last.type == name || AdapterRules.name(of: last.file) == AdapterRules.name(of: name) ? hash : nil
            })
    }
}
