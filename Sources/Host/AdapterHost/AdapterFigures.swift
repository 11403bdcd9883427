import Logging

/// Figures over all adapters. Readable from any thread.
public enum AdapterFigures {
    /// Bound callbacks that were called after their backend had gone, and were ignored.
    public static var lateCalls: UInt64 { Misuse.lateCallback.total }

    /// What adapters did that the header forbids, by kind, since the start.
    public static var misuse: [(kind: String, count: UInt64)] { Misuse.allCases.map { ($0.rawValue, $0.total) } }

    /// One thing that adapters did for one backend that they must not do.
    public struct Breach: Sendable, Equatable {
        /// The backend's id; empty: it is not known for which it was.
        public var backend: String
        /// The kind, as in `misuse`; "stall" for a call that held up an event loop.
        public var kind: String
        /// The function of the ABI that was called.
        public var call: String
        /// What it was, for people.
        public var words: String
        public var count: UInt64
        /// It is the adapter's own doing, and no list of a server that is too long.
        public var isOwn: Bool
    }

    /// Since the start, in no order.
    public static var breaches: [Breach] {
        Misuse.all.map { entry in
            Breach(
                backend: entry.backend, kind: entry.misuse.rawValue, call: entry.call,
                words: "\(entry.misuse.words) in \(entry.call)", count: entry.count,
                isOwn: entry.misuse != .dropped || entry.call != "report_models")
        }
            + LoopWatchdog.stallsOfEach.map { backend, count in
                Breach(
                    backend: backend, kind: "stall", call: "", words: "a call that held up an event loop", count: count,
                    isOwn: true)
            }
    }

    /// Sets the logger for breaches of the rules that belong to no backend's own log. Call it once, at the start.
    public static func log(to logger: Logger) { Misuse.logger.withLock { $0 = logger } }
}
