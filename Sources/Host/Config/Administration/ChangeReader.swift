import Core
import JSON

/// What is to be set of a backend while the gateway runs, as a command or a state file says it.
public enum ChangeReader {
    /// - Parameters:
    ///   - object: `priority`, `max_concurrent` (null: no limit), `enabled`, and `timeouts` with the keys of
    ///     `[backends.timeouts]` but its models.
    ///   - others: further names that may stand there, for whoever else reads the object.
    ///   - source: where it comes from, for messages.
    /// - Throws: everything that is wrong, at once.
    public static func change(
        _ object: JSONObject, allowing others: [String] = [], source: String
    ) throws(ConfigurationError) -> BackendOverlay.Change {
        let problems = ProblemList(lines: nil)
        let change = change(
            JSONObject(object.members.filter { !others.contains($0.name) }), path: "", problems, isOfFile: false)
        guard problems.problems.isEmpty else {
            throw ConfigurationError(source: source, problems: problems.problems)
        }
        return change
    }

    /// - Parameter isOfFile: it may say that the backend was removed.
    static func change(
        _ object: JSONObject, path: String, _ problems: ProblemList, isOfFile: Bool
    ) -> BackendOverlay.Change {
        var change = BackendOverlay.Change()
        var section = Section(object, path: path, problems: problems)
        change.priority = section.optionalInteger("priority", ConfigurationReader.priorities)
        if section.isNull("max_concurrent") {
            change.maxConcurrent = .some(nil)
        } else if let limit = section.optionalInteger("max_concurrent", ConfigurationReader.concurrencies) {
            change.maxConcurrent = .some(limit)
        }
        var isEnabled = true
        section.bool("enabled", into: &isEnabled)
        if section.has("enabled") { change.isEnabled = isEnabled }
        section.section("timeouts") { change.timeouts = TimeoutReader.changes(&$0) }
        if isOfFile { section.bool("removed", into: &change.isRemoved) }
        section.finish()
        return change
    }
}
