import Core
import JSON
import Logging

/// What a reload has done.
struct ReloadOutcome: Sendable, Equatable {
    /// Names of backends.
    var added: [String] = []
    var changed: [String] = []
    var removed: [String] = []
    /// Backends that are as they were.
    var unchanged = 0
    /// What of the file says something else than before.
    var differences = ConfigurationChanges()
    /// Keys of those that count only after a restart.
    var needsRestart: [String] = []
    /// What was done differently from what the file says, and why: a backend that cannot be used, a key that needs a restart.
    var warnings: [String] = []
    /// Everything that is wrong with the file; nothing was changed then.
    var problem: String?
    /// Of the problem, for programs.
    var code = "invalid_configuration"

    /// Keys that a line of the log names.
    private static let loggedKeys = 20

    /// What the log says of it.
    var logFields: Logger.Metadata {
        var fields: Logger.Metadata = [
            "tables": "\(differences.tables.isEmpty ? "none" : differences.tables.joined(separator: ","))",
            "unchanged": "\(unchanged)",
        ]
        for (key, names) in [
            ("added", added), ("changed", changed), ("removed", removed), ("needs_restart", needsRestart),
        ] where !names.isEmpty {
            fields[key] = "\(names.joined(separator: ","))"
        }
        let (keys, omitted) = differences.keys(upTo: Self.loggedKeys)
        if !keys.isEmpty {
            fields["keys"] = "\(keys.joined(separator: ","))\(omitted > 0 ? " and \(omitted) more" : "")"
        }
        return fields
    }

    var json: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("status")
        writer.string(problem == nil ? "reloaded" : "kept")
        writeMembers(to: &writer)
        writer.endObject()
        return writer.bytes
    }

    /// What it has done, as members of an object.
    func writeMembers(to writer: inout JSONWriter) {
        let (keys, omitted) = differences.keys(upTo: ConfigurationChanges.keyLimit)
        func write(_ key: String, _ names: [String]) {
            writer.key(key)
            writer.beginArray()
            for name in names { writer.string(name) }
            writer.endArray()
        }
        write("added", added)
        write("changed", changed)
        write("removed", removed)
        writer.key("unchanged")
        writer.integer(unchanged)
        write("tables", differences.tables)
        write("keys", keys)
        if omitted > 0 {
            writer.key("keys_omitted")
            writer.integer(omitted)
        }
        write("needs_restart", needsRestart)
        write("warnings", warnings)
    }
}
