import PluginAPI

/// What an adapter may say of an answer and of its end.
public enum AnswerRules {
    /// Of a `nexus_response_head`.
    @inlinable
    public static func isSuccess(_ status: UInt32) -> Bool { (200...299).contains(status) }

    /// Whether one `exchange_write` may be that long. The largest of C's lengths come as negative numbers.
    @inlinable
    public static func isWritable(_ length: Int) -> Bool { (0...ABILimits.write).contains(length) }

    /// A count of an outcome; nil: unknown.
    @inlinable
    public static func count(_ tokens: UInt64) -> UInt64? { tokens > ABILimits.count ? nil : tokens }

    /// A count, or a time, of which 0 says that it is unknown; nil: unknown.
    @inlinable
    public static func figure(_ value: UInt64) -> UInt64? { (1...ABILimits.count).contains(value) ? value : nil }

    /// A figure to give: what is measured and is 0 is given as 1; 0: unknown.
    @inlinable
    public static func given(_ value: UInt64?) -> UInt64 { value.map { max(1, $0) } ?? 0 }

    /// Nanoseconds as microseconds to give: 0: unknown, and what took less than one is one.
    @inlinable
    public static func microseconds(_ nanoseconds: (some BinaryInteger)?) -> UInt64 {
        given(nanoseconds.map { UInt64(clamping: $0) / 1000 })
    }

    /// The body of a failure: nothing of what is too long. That it is JSON is for the caller to find out.
    public static func failureBody(_ body: nexus_str) -> [UInt8] {
        guard let bytes = BorrowedText.bytes(body), bytes.count <= ABILimits.failureBody else { return [] }
        return [UInt8](bytes)
    }
}

/// What an adapter may say of its backend.
public enum ReportRules {
    /// Milliseconds of a probe; nil: unknown.
    public static func latency(_ value: Double) -> Double? { value.isFinite && value >= 0 ? min(value, 1e9) : nil }

    /// Requests that run or wait; nil: unknown.
    public static func load(_ count: UInt32) -> Int? {
        // The header's NEXUS_LOAD_UNKNOWN, a macro the importer does not show.
        count == UInt32.max ? nil : Int(count)
    }

    /// A share, 0...1; nil: unknown.
    public static func share(_ value: Double) -> Double? { value.isFinite && value >= 0 ? min(value, 1) : nil }

    /// Unix seconds, at most the end of the year 9999; before 1970 there are none.
    public static func time(_ seconds: Int64) -> Int64 { min(max(0, seconds), ABILimits.time) }

    /// The id of a model; nil: no model can have it.
    public static func modelID(_ text: nexus_str) -> String? {
        guard text.len <= ABILimits.id else { return nil }
        let id = BorrowedText.string(text, limit: ABILimits.id)
        return id.isEmpty || id.utf8.contains(where: TextRules.isControl) ? nil : id
    }
}
