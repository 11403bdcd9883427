import Synchronization

/// One line of the gateway's log.
struct LogLine: Sendable, Equatable {
    /// Its number since the start, from 1.
    var sequence: UInt64 = 0
    /// Unix seconds.
    var at: Int64
    /// As the log writes it: `info`, `warning`.
    var level: String
    /// Which part of the gateway speaks, or the backend that its adapter speaks for.
    var component: String
    var message: String
    /// Of the request that it is about; nil: it is about none.
    var request: String?
    /// What else stands beside the message, by name.
    var fields: [(name: String, value: String)] = []

    static func == (one: LogLine, other: LogLine) -> Bool {
        (one.sequence, one.at, one.level, one.component, one.message, one.request)
            == (other.sequence, other.at, other.level, other.component, other.message, other.request)
            && one.fields.elementsEqual(other.fields) { $0 == $1 }
    }

    /// About how many bytes it takes.
    var size: Int {
        fields.reduce(128 + component.utf8.count + message.utf8.count + (request?.utf8.count ?? 0)) {
            $0 + 32 + $1.name.utf8.count + $1.value.utf8.count
        }
    }
}

/// The newest lines of a log: bounded in number and in bytes. Pure.
struct LogRing: Sendable {
    enum Limits {
        static let lines = 2000
        static let bytes = 1024 * 1024
    }

    private static let gone = LogLine(at: 0, level: "", component: "", message: "")

    private let lineLimit: Int
    private let byteLimit: Int
    /// A ring once it is full: the oldest stands at `first`.
    private var lines: [LogLine] = []
    private var first = 0
    private var bytes = 0
    /// Of the newest line; 0: there was none.
    private(set) var last: UInt64 = 0

    init(lines: Int = Limits.lines, bytes: Int = Limits.bytes) {
        lineLimit = max(1, lines)
        byteLimit = bytes
    }

    var count: Int { lines.count - first }

    /// Takes a line and gives it its number.
    mutating func push(_ line: LogLine) {
        last += 1
        var line = line
        line.sequence = last
        lines.append(line)
        bytes += line.size
        // The newest always stays, whatever it takes.
        while count > lineLimit || bytes > byteLimit && count > 1 {
            bytes -= lines[first].size
            // Its texts go at once.
            lines[first] = Self.gone
            first += 1
        }
        // Half of it is gone: what is left moves up, which costs each line little.
        guard first >= lineLimit else { return }
        lines.removeFirst(first)
        first = 0
    }

    /// What is asked of a log.
    struct Tail: Sendable, Equatable {
        /// Oldest first.
        var lines: [LogLine]
        /// Lines that were asked for and are kept no longer, or are more than were wanted.
        var skipped: UInt64
        /// Of the newest line, whatever its level.
        var last: UInt64
    }

    /// - Parameters:
    ///   - after: only lines of a higher number.
    ///   - limit: so many, the newest.
    ///   - levels: only lines of these; nil: all.
    func tail(after: UInt64 = 0, limit: Int, levels: Set<String>? = nil) -> Tail {
        let kept = lines[first...]
        /// Of the last line that is kept no longer.
        let lost = (kept.first?.sequence ?? last + 1) - 1
        let gone = lost > after ? lost - after : 0
        let wanted = kept.filter { $0.sequence > after && (levels?.contains($0.level) ?? true) }
        // Nothing is missing to one who has not read any yet.
        let skipped = (after == 0 ? 0 : gone) + UInt64(max(0, wanted.count - limit))
        return Tail(lines: Array(wanted.suffix(limit)), skipped: after == 0 ? 0 : skipped, last: last)
    }
}

/// The newest lines of this process's log, for operators who have no shell. Callable from any thread.
final class LogTail: Sendable {
    private let ring = Mutex(LogRing())

    func take(_ line: LogLine) { ring.withLock { $0.push(line) } }

    func tail(after: UInt64, limit: Int, levels: Set<String>?) -> LogRing.Tail {
        // A copy, so that who logs does not wait while it is searched.
        ring.withLock { $0 }.tail(after: after, limit: limit, levels: levels)
    }
}
