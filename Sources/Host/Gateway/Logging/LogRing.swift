import Core
import Synchronization

/// The newest lines of a log: bounded in number and in bytes. Those of requests have a ring of their own, so that traffic does not
/// push out what happened to the gateway. Pure.
struct LogRing: Sendable {
    enum Limits {
        /// Of each of the two.
        static let lines = 2000
        static let bytes = 1024 * 1024
    }

    private var events: LineRing
    private var requests: LineRing
    /// Of the newest line; 0: there was none.
    private(set) var last: UInt64 = 0

    init(lines: Int = Limits.lines, bytes: Int = Limits.bytes) {
        events = LineRing(lines: lines, bytes: bytes)
        requests = LineRing(lines: lines, bytes: bytes)
    }

    /// Takes a line and gives it its number.
    mutating func push(_ line: LogLine) {
        last += 1
        var line = line
        line.sequence = last
        if line.component == "requests" { requests.push(line) } else { events.push(line) }
    }

    /// What is asked of a log.
    struct Tail: Sendable, Equatable {
        /// Oldest first.
        var lines: [LogLine]
        /// Lines that came after and are kept no longer, or are more than were wanted.
        var skipped: UInt64
        /// Of the newest line, whatever it is.
        var last: UInt64
    }

    /// - Parameters:
    ///   - after: only lines of a higher number.
    ///   - limit: so many, the newest.
    func tail(after: UInt64 = 0, limit: Int, _ filter: LogFilter = LogFilter()) -> Tail {
        let kept = Self.merged(events.lines(after: after), requests.lines(after: after))
        // Every number after that one was given to a line.
        let gone = last > after ? last - after - UInt64(kept.count) : 0
        let wanted = kept.filter(filter.admits)
        let skipped = gone + UInt64(max(0, wanted.count - limit))
        // Nothing is missing to one who has not read any yet.
        return Tail(lines: Array(wanted.suffix(limit)), skipped: after == 0 ? 0 : skipped, last: last)
    }

    /// Of two lists, both in order.
    private static func merged(_ one: ArraySlice<LogLine>, _ other: ArraySlice<LogLine>) -> [LogLine] {
        var (merged, one, other) = ([LogLine](), one, other)
        merged.reserveCapacity(one.count + other.count)
        while let first = one.first, let second = other.first {
            merged.append(first.sequence < second.sequence ? one.removeFirst() : other.removeFirst())
        }
        return merged + one + other
    }
}

/// Lines in their order, bounded in number and in bytes. Pure.
private struct LineRing: Sendable {
    private static let gone = LogLine(at: 0, level: "", component: "", message: "")

    private let lineLimit: Int
    private let byteLimit: Int
    /// A ring once it is full: the oldest stands at `first`.
    private var lines: [LogLine] = []
    private var first = 0
    private var bytes = 0

    init(lines: Int, bytes: Int) {
        lineLimit = max(1, lines)
        byteLimit = bytes
    }

    private var count: Int { lines.count - first }

    mutating func push(_ line: LogLine) {
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

    /// Those of a higher number.
    func lines(after: UInt64) -> ArraySlice<LogLine> {
        // Who follows wants the end.
        var start = lines.endIndex
        while start > first, lines[start - 1].sequence > after { start -= 1 }
        return lines[start...]
    }
}

/// Which lines of a log are wanted.
struct LogFilter: Sendable {
    /// Of these levels; nil: of all.
    var levels: Set<String>?
    var component: String?
    /// Which lines of requests.
    var requests = Configuration.Logging.Requests.all
    /// About that request, model, client (its address, or the name of its key), backend.
    var request: String?
    var model: String?
    var client: String?
    var backend: String?

    func admits(_ line: LogLine) -> Bool {
        if let levels, !levels.contains(line.level) { return false }
        if let component, line.component != component { return false }
        if requests != .all, line.component == "requests" {
            guard requests == .errors, line.level != RequestLine.served.rawValue else { return false }
        }
        if let request, line.request != request { return false }
        if let model, line.text("model") != model, line.text("served_model") != model { return false }
        if let client, line.text("client") != client, line.text("key") != client { return false }
        if let backend, line.text("backend") != backend { return false }
        return true
    }
}

/// The newest lines of this process's log, for operators who have no shell. Callable from any thread.
final class LogTail: Sendable {
    private let ring = Mutex(LogRing())

    func take(_ line: LogLine) { ring.withLock { $0.push(line) } }

    func tail(after: UInt64, limit: Int, _ filter: LogFilter) -> LogRing.Tail {
        // A copy, so that who logs does not wait while it is searched.
        ring.withLock { $0 }.tail(after: after, limit: limit, filter)
    }
}
