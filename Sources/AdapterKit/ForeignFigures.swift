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

/// What `Retry-After` says in seconds (RFC 9110, section 10.2.3), as milliseconds, or `retry-after-ms`, which some servers
/// send beside it and is more exact; 0 for a date, and for more than a day.
func retryAfterMilliseconds(_ head: nexus_http_head) -> UInt32 {
    if let exact = head.field("retry-after-ms").flatMap({ UInt32($0.text) }), (1..<86_400_000).contains(exact) {
        return exact
    }
    guard let seconds = head.field("retry-after").flatMap({ UInt32($0.text) }), seconds < 86400 else { return 0 }
    return seconds * 1000
}
