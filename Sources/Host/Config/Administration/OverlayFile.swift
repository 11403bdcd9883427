import Core
import JSON

/// What a state file holds, as text: JSON, so that no writer of TOML is needed, and nobody takes it for a configuration.
enum OverlayFile {
    /// Of the format. A file of a later one is refused, since what it says would be lost.
    static let version: Int64 = 1

    static func bytes(_ overlay: BackendOverlay) -> [UInt8] {
        var json = JSONWriter(capacity: 4096)
        json.beginObject()
        json.key("about")
        json.string("Kept by nexus: backends that were changed while it ran. See docs/administration.md.")
        json.key("nexus_state")
        json.integer(version)
        json.key("backends")
        json.beginArray()
        for added in overlay.added { json.value(.object(added.specification)) }
        json.endArray()
        json.key("changes")
        json.beginObject()
        for (name, change) in overlay.changes.sorted(by: { $0.key < $1.key }) {
            json.key(name)
            write(change, to: &json)
        }
        json.endObject()
        json.endObject()
        return json.bytes + [0x0A]
    }

    private static func write(_ change: BackendOverlay.Change, to json: inout JSONWriter) {
        json.beginObject()
        if change.isRemoved {
            json.key("removed")
            json.bool(true)
        }
        if let isEnabled = change.isEnabled {
            json.key("enabled")
            json.bool(isEnabled)
        }
        if let priority = change.priority {
            json.key("priority")
            json.integer(priority)
        }
        if let limit = change.maxConcurrent {
            json.key("max_concurrent")
            if let limit { json.integer(limit) } else { json.null() }
        }
        if change.timeouts != Configuration.TimeoutChanges() {
            json.key("timeouts")
            TimeoutReader.write(change.timeouts, to: &json)
        }
        json.endObject()
    }

    /// All or nothing: half of what was kept is not what was kept.
    /// - Throws: everything that is wrong, at once.
    static func overlay(_ bytes: [UInt8], source: String) throws(ConfigurationError) -> BackendOverlay {
        func problem(_ message: String) -> ConfigurationError {
            ConfigurationError(source: source, problems: [ConfigurationProblem(key: "", message: message)])
        }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONValue.parse(bytes)
        } catch {
            throw problem("is not JSON: \(error.reason) (byte \(error.offset))")
        }
        guard let root = value.object, let version = root["nexus_state"]?.int else {
            throw problem("is no state file of nexus: nexus_state is missing")
        }
        guard version == Self.version else {
            throw problem("is of version \(version), which this nexus does not know (it knows \(Self.version))")
        }
        let problems = ProblemList(lines: nil)
        let overlay = overlay(root, problems)
        guard problems.problems.isEmpty else {
            throw ConfigurationError(source: source, problems: problems.problems)
        }
        return overlay
    }

    private static func overlay(_ object: JSONObject, _ problems: ProblemList) -> BackendOverlay {
        var added: [BackendOverlay.Added] = []
        var changes: [String: BackendOverlay.Change] = [:]
        var root = Section(object, path: "", problems: problems)
        var version = 0
        var about = ""
        root.integer("nexus_state", 0...Int(Self.version), into: &version)
        root.string("about", limit: 1024, into: &about)
        let specifications = (object["backends"]?.array ?? []).map { $0.object ?? JSONObject() }
        root.sections("backends") { section, index in
            guard let backend = ConfigurationReader.backend(&section, under: Configuration()) else { return }
            ConfigurationReader.checkName(backend.name, "backends[\(index)].name", problems)
            added.append(BackendOverlay.Added(name: backend.name, specification: specifications[index]))
        }
        for (name, value) in root.names("changes", of: "a change, by the name of its backend").members {
            guard let change = value.object, name.utf8.count <= TextLimits.name else {
                problems.add("changes.\(name)", "must be a table, under the name of a backend")
                continue
            }
            changes[name] = ChangeReader.change(change, path: "changes.\(name)", problems, isOfFile: true)
        }
        root.finish()
        if added.count > BackendOverlay.Limits.backends || changes.count > BackendOverlay.Limits.changes {
            problems.add("", "holds more backends than are possible (\(BackendOverlay.Limits.backends))")
        }
        return BackendOverlay(added: added, changes: changes)
    }
}
