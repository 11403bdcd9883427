import Core

/// Which tables of the configuration say something else than before.
enum ConfigurationChanges {
    /// In the order of the file.
    static func tables(_ old: Configuration, _ new: Configuration) -> [String] {
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
            ("routing", old.routing != new.routing),
            ("queue", old.queue != new.queue),
            ("backends", old.backends != new.backends),
            ("keys", old.access.keys != new.access.keys),
            (
                "dashboard",
                old.dashboard != new.dashboard || old.access.isDashboardPublic != new.access.isDashboardPublic
            ),
            ("history", old.history != new.history),
            ("logging", old.logging != new.logging),
            ("tracing", old.tracing != new.tracing),
        ]
        return all.filter(\.1).map(\.0)
    }
}
