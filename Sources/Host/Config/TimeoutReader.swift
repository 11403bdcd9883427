import Core
import JSON

/// Reads how long things may take: `[timeouts]`, and what backends and models change of it.
///
/// What is more specific counts: a model at a backend, then the model, then the backend, then all. Each key by itself.
enum TimeoutReader {
    /// Seconds; 0: any time.
    private static let range = 0.0...86400

    /// `[timeouts]`, without its models.
    static func common(_ section: inout Section, _ timeouts: inout Configuration.Timeouts) {
        timeouts = timeouts.changed(by: limits(&section, usual: timeouts))
        if section.has("queue_seconds") {
            section.refuse("queue_seconds", "is set by model or backend; for all of them it is queue.max_wait_seconds")
        }
    }

    /// A table of one backend or one model.
    static func changes(_ section: inout Section) -> Configuration.TimeoutChanges {
        var changes = limits(&section, usual: nil)
        changes.queue = section.optionalSeconds("queue_seconds", QueueLimits.wait)
        return changes
    }

    /// The table `models`: the name of a model, or a pattern, and its limits. In the order in which they count.
    static func models(_ section: inout Section) -> [Configuration.ModelTimeouts] {
        let members = section.names(
            "models", of: "a table with the keys below, by the name of a model or a pattern with `*`",
            sample: .object(JSONObject())
        ).members
        if members.count > TextLimits.entries {
            section.problem("models", "there are \(members.count); at most \(TextLimits.entries) are possible")
            return []
        }
        var models: [Configuration.ModelTimeouts] = []
        for (name, value) in members {
            guard let table = value.object, (1...TextLimits.model).contains(name.utf8.count) else {
                section.problem(
                    "models.\(name)",
                    "must be a table like { first_byte_seconds = 60 }, under the name of a model or a pattern with *")
                continue
            }
            section.nested(table, "models.\(name)") { section in
                models.append(Configuration.ModelTimeouts(pattern: name, changes: changes(&section)))
            }
        }
        return Configuration.ModelTimeouts.inOrder(models)
    }

    /// As `changes` reads them.
    static func write(_ changes: Configuration.TimeoutChanges, to json: inout JSONWriter) {
        let limits: [(String, Duration??)] = [
            ("connect_seconds", changes.connect), ("first_byte_seconds", changes.firstByte),
            ("gap_seconds", changes.gap), ("total_seconds", changes.total),
            ("queue_seconds", changes.queue.map { .some($0) }),
        ]
        json.beginObject()
        for case (let key, let limit?) in limits {
            json.key(key)
            json.number(limit.map { $0 / .seconds(1) } ?? 0)
        }
        json.endObject()
    }

    /// - Parameter usual: what counts without the keys; nil: that is set elsewhere.
    private static func limits(
        _ section: inout Section, usual: Configuration.Timeouts?
    ) -> Configuration.TimeoutChanges {
        var changes = Configuration.TimeoutChanges()
        changes.connect = limit("connect_seconds", &section, usual.map(\.connect))
        changes.firstByte = limit("first_byte_seconds", &section, usual.map(\.firstByte))
        changes.gap = limit("gap_seconds", &section, usual.map(\.gap))
        changes.total = limit("total_seconds", &section, usual.map(\.total))
        return changes
    }

    private static func limit(_ key: String, _ section: inout Section, _ usual: Duration??) -> Duration?? {
        var limit = usual ?? nil
        section.limit(key, range, tellsUsual: usual != nil, into: &limit)
        return section.has(key) ? .some(limit) : nil
    }
}

/// Ranges that more than one key has.
enum QueueLimits {
    /// Seconds.
    static let wait = 1.0...3600
}
