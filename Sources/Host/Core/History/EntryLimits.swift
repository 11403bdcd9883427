/// What is allowed into the history, whatever a client or a backend sent.
public enum EntryLimits {
    /// Characters (grapheme clusters).
    public static let model = 256
    static let backendID = 256
    public static let errorMessage = 1024
    /// Why one of its attempts failed.
    static let stepFailure = 256
    /// A cluster may hold any number of combining marks; bytes are bounded as well.
    static let bytesPerCharacter = 8
    /// Seconds a timestamp may lie ahead before it is replaced by now.
    public static let futureSeconds: Int64 = 60

    public static func clean(_ entry: HistoryEntry, now: Int64) -> HistoryEntry {
        var entry = entry
        let latest = now.addingReportingOverflow(futureSeconds)
        if !latest.overflow, entry.timestamp > latest.partialValue { entry.timestamp = now }
        entry.model = cut(entry.model, to: model)
        entry.backendID = cut(entry.backendID, to: backendID)
        entry.errorMessage = entry.errorMessage.map { cut($0, to: errorMessage) }
        for index in entry.route.indices where entry.route[index].failure != nil {
            entry.route[index].failure = entry.route[index].failure.map { cut($0, to: stepFailure) }
        }
        entry.timeline = entry.timeline?.cut(failures: stepFailure)
        return entry
    }

    /// At most `limit` bytes of a text, and a sign that there were more.
    public static func cutBytes(_ text: String, to limit: Int) -> String {
        text.utf8.count <= limit ? text : TextCutter.prefix(of: text, bytes: limit) + "…"
    }

    /// The longest prefix of whole characters within `limit` characters and 8 times as many bytes. What it costs depends
    /// on the limit alone, whatever a hostile text holds.
    public static func cut(_ text: String, to limit: Int) -> String {
        if text.utf8.count <= limit { return text }
        return String(TextCutter.prefix(of: text, bytes: limit * bytesPerCharacter).prefix(limit))
    }
}
