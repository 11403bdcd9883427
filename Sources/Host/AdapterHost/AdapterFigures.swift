import Logging

/// Figures over all adapters. Readable from any thread.
public enum AdapterFigures {
    /// Bound callbacks that were called after their backend had gone, and were ignored.
    public static var lateCalls: UInt64 { Misuse.lateCallback.total }

    /// What adapters did that the header forbids, by kind, since the start.
    public static var misuse: [(kind: String, count: UInt64)] { Misuse.allCases.map { ($0.rawValue, $0.total) } }

    /// Sets the logger for breaches of the rules that belong to no backend's own log. Call it once, at the start.
    public static func log(to logger: Logger) { Misuse.logger.withLock { $0 = logger } }
}
