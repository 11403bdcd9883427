import Core
import JSON

/// What of the configuration says something else than before.
struct ConfigurationChanges: Sendable, Equatable {
    /// Keys that an answer names.
    static let keyLimit = 100

    /// Names of tables, in the order of the file.
    private(set) var tables: [String] = []
    /// Keys with their tables ("routing.weights.load"), but for those of lists of tables: backends are told by name. Sorted.
    private(set) var keys: [String] = []

    init() {}

    init(_ old: Configuration, _ new: Configuration) {
        tables = Self.tables(old, new)
        guard !tables.isEmpty else { return }
        keys = Self.keys(Self.shown(old), Self.shown(new)).sorted()
    }

    /// The first of the keys, and how many more there are.
    func keys(upTo limit: Int) -> (keys: [String], omitted: Int) {
        (Array(keys.prefix(limit)), max(0, keys.count - limit))
    }

    // MARK: Tables

    private static func tables(_ old: Configuration, _ new: Configuration) -> [String] {
        let all: [(String, Bool)] = [
            (
                "server",
                old.server != new.server || old.access.allowsUnauthenticated != new.access.allowsUnauthenticated
            ),
            ("timeouts", old.timeouts != new.timeouts || old.modelTimeouts != new.modelTimeouts),
            ("upstream", old.upstream != new.upstream),
            ("adapters", old.adapters != new.adapters),
            ("health_check", old.healthCheck != new.healthCheck),
            ("breaker", old.breaker != new.breaker),
            ("routing", old.routing.withoutQuality != new.routing.withoutQuality),
            ("quality", old.routing.errorRateExclude != new.routing.errorRateExclude),
            ("queue", old.queue != new.queue),
            ("backends", old.backends != new.backends),
            ("keys", old.access.keys != new.access.keys),
            (
                "dashboard",
                old.dashboard != new.dashboard || old.access.isDashboardPublic != new.access.isDashboardPublic
            ),
            ("history", old.history != new.history),
            ("captures", old.captures != new.captures),
            ("logging", old.logging != new.logging),
            ("tracing", old.tracing != new.tracing),
        ]
        return all.filter(\.1).map(\.0)
    }

    // MARK: Keys

    /// As operators are shown it: what is secret makes no difference here.
    private static func shown(_ configuration: Configuration) -> JSONValue {
        (try? JSONValue.parse(ConfigurationEncoding.json(configuration, isSet: { _ in false }, options: { _ in nil })))
            ?? .null
    }

    /// Below a table, at any depth: what only one of the two has, and what differs.
    private static func keys(_ old: JSONValue, _ new: JSONValue, under table: String = "") -> [String] {
        let (before, after) = (members(old), members(new))
        return Set(before.keys).union(after.keys).flatMap { name -> [String] in
            let (then, now) = (before[name], after[name])
            guard then != now else { return [] }
            let key = table.isEmpty ? name : "\(table).\(name)"
            // A table that comes or goes is told by what stands in it.
            if then?.object != nil || now?.object != nil { return keys(then ?? .null, now ?? .null, under: key) }
            return table.isEmpty ? [] : [key]
        }
    }

    private static func members(_ table: JSONValue) -> [String: JSONValue] {
        Dictionary(table.object?.members.map { ($0.name, $0.value) } ?? []) { first, _ in first }
    }
}

extension Configuration.Routing {
    /// What `[routing]` says.
    fileprivate var withoutQuality: Self {
        var routing = self
        routing.errorRateExclude = nil
        return routing
    }
}
