import Core
import Glibc
import JSON
import Logging
import Synchronization

/// Writes log lines to standard error, one write a line: for people, or as JSON.
struct GatewayLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    private let json: Bool
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

    init(json: Bool) { self.json = json }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        let time = Timestamp.text(seconds: Double(Clock.wallSeconds()))
        var line: [UInt8]
        if json {
            var writer = JSONWriter()
            writer.beginObject()
            writer.key("time")
            writer.string(time)
            writer.key("level")
            writer.string(event.level.rawValue)
            writer.key("message")
            writer.string("\(event.message)")
            for (key, value) in all {
                writer.key(key)
                writer.string("\(value)")
            }
            writer.endObject()
            line = writer.bytes
        } else {
            var text = "\(time) \(event.level.rawValue) \(event.message)"
            for (key, value) in all { text += " \(key)=\(Self.quoted("\(value)"))" }
            // A server's words must not make a second line.
            line = text.utf8.map { $0 < 0x20 || $0 == 0x7F ? 0x20 : $0 }
        }
        line.append(0x0A)
        _ = line.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static func quoted(_ text: String) -> String {
        text.contains(" ") || text.isEmpty ? "\"\(text)\"" : text
    }
}
