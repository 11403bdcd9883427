import Core
import JSON
import Logging

/// What a reload has done.
struct ReloadOutcome: Sendable, Equatable {
    /// Names of backends.
    var added: [String] = []
    var changed: [String] = []
    var removed: [String] = []
    /// What was done differently from what the file says, and why: a backend that cannot be used, a key that needs a restart.
    var warnings: [String] = []
    /// Everything that is wrong with the file; nothing was changed then.
    var problem: String?
    /// Of the problem, for programs.
    var code = "invalid_configuration"

    /// What the log says of it.
    /// - Parameter tables: of the file, in which something has changed.
    func logFields(tables: [String]) -> Logger.Metadata {
        var fields: Logger.Metadata = ["tables": "\(tables.isEmpty ? "none" : tables.joined(separator: ","))"]
        for (key, names) in [("added", added), ("changed", changed), ("removed", removed)] where !names.isEmpty {
            fields[key] = "\(names.joined(separator: ","))"
        }
        return fields
    }

    var json: [UInt8] {
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("status")
        writer.string(problem == nil ? "reloaded" : "kept")
        for (key, names) in [("added", added), ("changed", changed), ("removed", removed), ("warnings", warnings)] {
            writer.key(key)
            writer.beginArray()
            for name in names { writer.string(name) }
            writer.endArray()
        }
        writer.endObject()
        return writer.bytes
    }
}
