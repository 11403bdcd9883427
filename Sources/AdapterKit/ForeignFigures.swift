import Glibc
import PluginAPI

/// Figures that a server tells: none is believed beyond what can be, so that they can be added and counted without care.
extension JSONValue {
    /// Numbers beyond are not exact in every reader of JSON, and count nothing.
    static let largestCount: Int64 = 1 << 53

    /// A whole number that is not negative; nil for anything else, and for what counts nothing.
    var count: UInt64? {
        int.flatMap { (0...Self.largestCount).contains($0) ? UInt64($0) : nil }
    }

    /// A count that is not 0.
    var positiveCount: UInt64? { count.flatMap { $0 > 0 ? $0 : nil } }

    /// Seconds since 1970, up to the end of the year 9999; nil for anything else.
    var unixSeconds: Int64? {
        int.flatMap { (0...253_402_300_799).contains($0) ? $0 : nil }
    }

    /// Milliseconds as microseconds; 0 for what is no such time, or longer than a year.
    var microsecondsOfMilliseconds: UInt64 {
        double.flatMap { $0 > 0 && $0 < 365 * 86400e3 ? UInt64($0 * 1000) : nil } ?? 0
    }
}

extension UInt64 {
    /// The sum, or the largest number where there is none.
    static func saturatingSum(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (sum, isTooLarge) = left.addingReportingOverflow(right)
        return isTooLarge ? .max : sum
    }
}

/// For how long a server wants to be left alone.
enum RetryAfter {
    /// Milliseconds; 0: it did not say. `retry-after-ms` is more exact where both are there; `retry-after` is a number of seconds
    /// or a date (RFC 9110, section 10.2.3), which is compared with the server's own clock if it tells that (`date`). What is
    /// longer than 49 days counts as that.
    static func milliseconds(_ head: nexus_http_head) -> UInt32 {
        let exact = clamped(head.field("retry-after-ms").flatMap { number($0.text) } ?? 0)
        if exact > 0 { return exact }
        guard let text = head.field("retry-after")?.text else { return 0 }
        if let seconds = number(text) { return clamped(seconds * 1000) }
        let now = Int64(time(nil))
        guard let then = HTTPDate.seconds(text, now: now) else { return 0 }
        let base = head.field("date").flatMap { HTTPDate.seconds($0.text, now: now) } ?? now
        return clamped(Double(then - base) * 1000)
    }

    private static func number(_ text: String) -> Double? {
        let isPlain =
            text.utf8.count <= 32 && text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2E || $0 == 0x20 }
        return isPlain ? Double(text.filter { $0 != " " }) : nil
    }

    private static func clamped(_ milliseconds: Double) -> UInt32 {
        guard milliseconds > 0 else { return 0 }
        return UInt32(min(milliseconds.rounded(.up), Double(UInt32.max)))
    }
}
