/// An end of the process that came while a thread was in an adapter, as the run that ended has noted it.
public struct AdapterCrash: Sendable, Equatable {
    public var hash: ContentHash
    /// The adapter's type; empty: it was being loaded.
    public var type: String
    /// Path of its file.
    public var file: String
    /// The name of a signal, or "exit".
    public var end: String
    /// The adapter had called the gateway, and it came in the gateway's own code.
    public var isInGateway: Bool
    /// Unix seconds.
    public var at: Int64

    public init(hash: ContentHash, type: String, file: String, end: String, isInGateway: Bool, at: Int64) {
        self.hash = hash
        self.type = type
        self.file = file
        self.end = end
        self.isInGateway = isInGateway
        self.at = at
    }
}

/// What is kept of the crashes of one content.
public struct CrashRecord: Sendable, Equatable {
    /// In a row, at least 1.
    public var crashes: Int
    public var last: AdapterCrash

    public init(crashes: Int, last: AdapterCrash) {
        self.crashes = crashes
        self.last = last
    }

    /// Counts beyond it are told as it.
    public static let limit = 1_000_000

    /// "the last 3 runs ended by a crash in it, the last one with SIGSEGV at 2026-01-02T03:04:05Z"
    public var words: String {
        let place =
            last.isInGateway
            ? "in the gateway's own code, which it had called" : last.type.isEmpty ? "while it was loaded" : ""
        let end = (last.end == "exit" ? "with exit()" : "with \(last.end)") + (place.isEmpty ? "" : " \(place)")
        let when = Timestamp.text(seconds: Double(last.at))
        return crashes == 1
            ? "a run ended by a crash in it, \(end) at \(when)"
            : "\(crashes) runs in a row ended by a crash in it, the last one \(end) at \(when)"
    }
}
