import Core
import JSON

/// The record of one content as it is kept: JSON, in a file that is called as the content's hash. So also one that cannot be read
/// says which content it is about.
enum CrashFile {
    /// Bytes.
    static let sizeLimit = 16 * 1024
    private static let version: Int64 = 1

    static func name(_ hash: ContentHash) -> String { hash.text + ".json" }

    /// Nil: it is the name of something else.
    static func hash(ofName name: String) -> ContentHash? {
        guard name.hasSuffix(".json"), !name.hasPrefix("sha256:") else { return nil }
        return ContentHash(text: String(name.dropLast(5)))
    }

    static func bytes(_ record: CrashRecord) -> [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("version")
        writer.integer(version)
        writer.key("crashes")
        writer.integer(record.crashes)
        writer.key("end")
        writer.string(record.last.end)
        writer.key("in_gateway")
        writer.bool(record.last.isInGateway)
        writer.key("at")
        writer.integer(record.last.at)
        writer.key("adapter")
        writer.raw(
            Array(CrashNote.record(type: record.last.type, file: record.last.file, hash: record.last.hash).utf8))
        writer.endObject()
        return writer.bytes + [0x0A]
    }

    /// Nil: it is no record of this content.
    static func record(_ bytes: [UInt8], of hash: ContentHash) -> CrashRecord? {
        guard let value = try? JSONValue.parse(bytes), value["version"]?.int == version,
            let crashes = value["crashes"]?.int, (1...Int64(CrashRecord.limit)).contains(crashes),
            let last = CrashNote.crash(bytes), last.hash == hash
        else { return nil }
        return CrashRecord(crashes: Int(crashes), last: last)
    }
}
