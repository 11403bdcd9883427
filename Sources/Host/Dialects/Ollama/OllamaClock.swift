import Core

/// The readings of a clock that answers of Ollama's API tell.
public struct OllamaClock: Sendable {
    /// When the request came, Unix seconds with fraction.
    public let startedAt: Double
    /// Nanoseconds since then. Called on the thread of the translation.
    public let elapsedNanoseconds: @Sendable () -> UInt64

    public init(startedAt: Double, elapsedNanoseconds: @escaping @Sendable () -> UInt64) {
        self.startedAt = startedAt
        self.elapsedNanoseconds = elapsedNanoseconds
    }

    /// The instant after so many nanoseconds, e.g. "2026-01-02T03:04:05.678901Z".
    func timestamp(elapsed: UInt64) -> String {
        let start = startedAt.rounded(.down)
        let microseconds = UInt64(max(0, min(999_999, (startedAt - start) * 1e6))) + elapsed / 1000
        let fraction = String(microseconds % 1_000_000)
        let padding = String(repeating: "0", count: 6 - fraction.count)
        return "\(Timestamp.text(seconds: start + Double(microseconds / 1_000_000)).dropLast()).\(padding)\(fraction)Z"
    }
}
