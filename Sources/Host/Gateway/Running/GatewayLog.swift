import Core
import Glibc
import JSON
import Logging
import Synchronization

/// Writes log lines to standard error: for people, or as JSON. Returns at once: a thread of its own does the writing
/// (`LogWriter`). Texts that come from elsewhere are cut.
struct GatewayLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    private let json: Bool
    enum Limits {
        /// Bytes of a message, and of one value beside it.
        static let message = 4096
        static let value = 1024
    }

    /// For all loggers of the process.
    static let writer = LogWriter(descriptor: STDERR_FILENO)
    /// The newest lines once more, for operators who see the page and no files.
    static let tail = LogTail()

    /// Of this logger alone; nil: the level of all.
    private var ownLevel: Logger.Level?

    /// Index into `Logger.Level.allCases`: one for the whole process, so that a reload can change it.
    private static let level = Atomic<Int>(0)

    static func setLevel(_ level: Configuration.Logging.Level) {
        let found = Logger.Level.allCases.firstIndex { $0.rawValue == level.rawValue }
        Self.level.store(found ?? 0, ordering: .relaxed)
    }

    var logLevel: Logger.Level {
        get { ownLevel ?? Logger.Level.allCases[Self.level.load(ordering: .relaxed)] }
        set { ownLevel = newValue }
    }

    static func logger(_ configuration: Configuration.Logging) -> Logger {
        setLevel(configuration.level)
        return Logger(label: "nexus") { _ in GatewayLog(json: configuration.format == .json) }
    }

    /// Waits a moment until all lines are written: the process ends.
    static func finish() { writer.flush(milliseconds: 1000) }

    init(json: Bool) { self.json = json }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let now = Clock.wallSeconds()
        let time = Timestamp.text(seconds: Double(now))
        var line: [UInt8]
        let message = Self.cut("\(event.message)", to: Limits.message)
        keep(message, event, all, now: now)
        if json {
            var writer = JSONWriter()
            writer.beginObject()
            writer.key("time")
            writer.string(time)
            writer.key("level")
            writer.string(event.level.rawValue)
            writer.key("message")
            writer.string(message)
            for (key, value) in all {
                writer.key(key)
                writer.string(Self.cut("\(value)", to: Limits.value))
            }
            writer.endObject()
            line = writer.bytes
        } else {
            var text = "\(time) \(event.level.rawValue) \(message)"
            for (key, value) in all { text += " \(key)=\(Self.quoted(Self.cut("\(value)", to: Limits.value)))" }
            // A server's words must not make a second line.
            line = text.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }
        }
        line.append(0x0A)
        Self.writer.write(line)
    }

    /// Puts the line where `GET /v1/logs` finds it.
    private func keep(
        _ message: String, _ event: LogEvent, _ all: [(key: String, value: Logger.Metadata.Value)], now: Int64
    ) {
        let fields = all.map { (name: $0.key, value: Self.cut("\($0.value)", to: Limits.value)) }
        func field(_ name: String) -> String? { fields.first { $0.name == name }?.value }
        Self.tail.take(
            LogLine(
                at: now, level: event.level.rawValue,
                component: field("backend").map { "backend \($0)" } ?? Self.component(event.source), message: message,
                request: field("request"), fields: fields.filter { $0.name != "request" }))
    }

    /// Of a module of the program.
    private static func component(_ module: String) -> String {
        switch module {
        case "AdapterHost": "adapters"
        default: module.lowercased()
        }
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

    private static func quoted(_ text: String) -> String {
        text.utf8.contains(0x20) || text.isEmpty ? "\"\(text)\"" : text
    }
}
