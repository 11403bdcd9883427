/// The query of a command as it is noted: what the gateway reads of it. Clients put keys into queries, under whatever name, and a
/// note is read by others and kept.
public enum AuditQuery {
    /// What commands read.
    private static let names: Set<Substring> = ["adapter", "all", "allow_empty", "detach", "now", "persist", "stream"]
    /// Parts that are looked at.
    private static let limit = 100

    /// With its question mark; empty: nothing of it is noted.
    /// - Parameters:
    ///   - query: as it came, without the mark.
    ///   - others: of parts that only some routes read, whether they may be shown.
    public static func shown(_ query: String, others: (_ part: Substring) -> Bool = { _ in false }) -> String {
        let parts = query.split(separator: "&", maxSplits: limit)
        let shown = parts.prefix(limit).filter { part in
            names.contains(part.prefix { $0 != "=" }) || others(part)
        }
        let left = parts.count - shown.count
        let all = shown.map(String.init) + (left > 0 ? ["(\(left) not shown)"] : [])
        return all.isEmpty ? "" : "?" + all.joined(separator: "&")
    }
}
