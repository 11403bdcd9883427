import Core
import JSON
import Shims

/// What a thread is in while it runs code of an adapter: for people, and for the next start.
///
/// Notes are never freed: a thread may hold one for as long as it runs, and few adapters and backends are ever made.
enum CrashNote {
    /// Bytes of a path that are kept; of a longer one its end.
    private static let pathLimit = 400

    /// - Parameters:
    ///   - words: as in "while a thread was in the adapter x".
    ///   - type: the adapter's; empty: it is not known yet.
    ///   - hash: of the file; nil: it came out of none, and nothing is kept of it.
    static func make(_ words: String, type: String, file: String, hash: ContentHash?) -> UnsafePointer<nexus_note> {
        let note = UnsafeMutablePointer<nexus_note>.allocate(capacity: 1)
        note.initialize(
            to: nexus_note(words: text(words), record: hash.map { text(record(type: type, file: file, hash: $0)) }))
        return UnsafePointer(note)
    }

    private static func text(_ text: String) -> UnsafePointer<CChar> {
        let text = Array(text.utf8CString)
        let memory = UnsafeMutablePointer<CChar>.allocate(capacity: text.count)
        memory.initialize(from: text, count: text.count)
        return UnsafePointer(memory)
    }

    /// Short enough for the handler of the signal, however the path is escaped.
    static func record(type: String, file: String, hash: ContentHash) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        for (key, value) in [
            ("sha256", hash.text), ("type", type),
            ("file", String(decoding: file.utf8.suffix(pathLimit), as: UTF8.self)),
        ] {
            writer.key(key)
            writer.string(value)
        }
        writer.endObject()
        return writer.text
    }

    /// What an end has left.
    /// - Returns: nil: it is no such line.
    static func crash(_ line: [UInt8]) -> AdapterCrash? {
        guard let value = try? JSONValue.parse(line), let adapter = value["adapter"],
            let hash = adapter["sha256"]?.string.flatMap({ ContentHash(text: $0) }),
            let type = adapter["type"]?.string, let file = adapter["file"]?.string, let end = value["end"]?.string,
            let isInGateway = value["in_gateway"]?.bool, let at = value["at"]?.int, (0...Self.latest).contains(at)
        else { return nil }
        return AdapterCrash(
            hash: hash, type: EntryLimits.cutBytes(type, to: 64), file: file, end: EntryLimits.cutBytes(end, to: 32),
            isInGateway: isInGateway, at: at)
    }

    /// The end of the year 9999, in Unix seconds.
    private static let latest: Int64 = 253_402_300_799
}
