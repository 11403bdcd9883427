import Core
import Glibc
import Logging
import Shims
import Synchronization

/// Takes lines of one component of the gateway to standard error: for people, or as JSON. Returns at once: a thread of its own does
/// the writing (`LogWriter`). Texts that come from elsewhere are cut.
struct GatewayLog: LogHandler {
    typealias Component = Configuration.Logging.Component

    var metadata: Logger.Metadata = [:]
    enum Limits {
        /// Bytes of a message, and of one value beside it.
        static let message = 4096
        static let value = 1024
    }

    /// For all loggers of the process.
    static let writer = LogWriter(descriptor: STDERR_FILENO) { lost in
        let line = LogLine(
            at: Clock.wallMilliseconds(), level: "warning", component: Component.gateway.rawValue,
            message: "lines of the log were dropped: its reader was too slow",
            fields: [("dropped", .integer(Int64(clamping: lost)))])
        return LogFormat.bytes(line, asJSON: writesJSON)
    }
    /// The newest lines once more, for operators who see the page and no files.
    static let tail = LogTail()
    /// One line for each request.
    static let requests = RequestLog { line in
        keep(line)
    }

    private static let repeats = Mutex(LogRepeats())

    private let component: Component
    /// Of this logger alone; nil: that of its component.
    private var ownLevel: Logger.Level?

    init(_ component: Component) { self.component = component }

    // MARK: Settings

    /// Four bits for each component: index into `Logger.Level.allCases`. For the whole process, so that a reload can change it.
    /// Before it is set: `info`.
    private static let levels = Atomic<UInt64>(0x2222_2222_2222_2222)

    /// Lines are JSON: likewise.
    private static let isJSON = Atomic<Bool>(false)

    static var writesJSON: Bool { isJSON.load(ordering: .relaxed) }

    /// Counts for the lines that come from now on, of all loggers. On any thread.
    static func set(_ configuration: Configuration.Logging) {
        var packed: UInt64 = 0
        for component in Component.allCases {
            let level = configuration.level(of: component).rawValue
            let found = Logger.Level.allCases.firstIndex { $0.rawValue == level } ?? 0
            packed |= UInt64(found) << shift(component)
        }
        levels.store(packed, ordering: .relaxed)
        isJSON.store(configuration.format == .json, ordering: .relaxed)
        nexus_note_log_json(configuration.format == .json)
        requests.set(configuration.requests, least: level(of: .requests))
    }

    /// The least that a component tells now.
    static func level(of component: Component) -> Logger.Level {
        Logger.Level.allCases[Int(levels.load(ordering: .relaxed) >> shift(component) & 0xF)]
    }

    /// Whether somebody wants to know that. One look at a number that seldom changes: for what is asked at every request, where
    /// to take hold of a logger that all loops share would cost more.
    static func wants(_ level: Logger.Level, of component: Component) -> Bool { self.level(of: component) <= level }

    private static func shift(_ component: Component) -> UInt64 { component.place * 4 }

    var logLevel: Logger.Level {
        get { ownLevel ?? Self.level(of: component) }
        set { ownLevel = newValue }
    }

    static func logs(_ configuration: Configuration.Logging) -> Logs {
        set(configuration)
        return Logs { component in Logger(label: "nexus.\(component.rawValue)") { _ in GatewayLog(component) } }
    }

    // MARK: Lines

    /// Says of what was held back how often it came; to be called every few seconds.
    static func tellRepeats(everything: Bool = false) {
        let due = repeats.withLock { $0.due(now: Clock.monotonicMilliseconds(), everything: everything) }
        for line in due { keep(line) }
    }

    /// Waits a moment until all lines are written: the process ends.
    static func finish() {
        requests.flush(milliseconds: 1000)
        tellRepeats(everything: true)
        writer.flush(milliseconds: 1000)
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        var line = LogLine(
            at: Clock.wallMilliseconds(), level: event.level.rawValue, component: component.rawValue,
            message: Self.cut("\(event.message)", to: Limits.message))
        for (name, value) in all {
            let value = LogValue(value)
            if name == "request" {
                line.request = Self.cut(value.text, to: Limits.value)
            } else {
                line.fields.append((name, value.cut))
            }
        }
        guard Self.repeats.withLock({ $0.admits(line, now: Clock.monotonicMilliseconds()) }) else { return }
        Self.keep(line)
    }

    /// Puts a line where `GET /v1/logs` finds it, and into the log.
    private static func keep(_ line: LogLine) {
        tail.take(line)
        writer.write(LogFormat.bytes(line, asJSON: writesJSON))
    }

    /// The start of a text that is too long, ended between two characters of Unicode, with a sign that something is missing.
    /// The cost is bounded by the limit, whatever the text is.
    static func cut(_ text: String, to limit: Int) -> String {
        let bytes = text.utf8
        guard var end = bytes.index(bytes.startIndex, offsetBy: limit, limitedBy: bytes.endIndex), end < bytes.endIndex
        else { return text }
        while end > bytes.startIndex, bytes[end] & 0xC0 == 0x80 { end = bytes.index(before: end) }
        return String(text.unicodeScalars[..<end]) + "…"
    }
}

extension LogValue {
    /// No longer than a value may be.
    fileprivate var cut: LogValue {
        guard case .string(let text) = self else { return self }
        return .string(GatewayLog.cut(text, to: GatewayLog.Limits.value))
    }
}

extension Configuration.Logging.Component {
    /// Among all of them.
    fileprivate var place: UInt64 { UInt64(Self.allCases.firstIndex(of: self) ?? 0) }
}
