import JSON

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
