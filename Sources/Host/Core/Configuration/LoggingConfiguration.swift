extension Configuration {
    /// What the log tells, and how.
    public struct Logging: Sendable, Equatable {
        public enum Level: String, Sendable, CaseIterable {
            case trace, debug, info, notice, warning, error, critical
        }
        public enum Format: String, Sendable, CaseIterable { case pretty, json }
        /// Of which requests there is a line each.
        public enum Requests: String, Sendable, CaseIterable { case all, errors, none }
        /// Which part of the gateway speaks. Not more than 16: `GatewayLog` keeps their levels in one word.
        public enum Component: String, Sendable, CaseIterable {
            /// Its start and end, its configuration, what it runs out of.
            case gateway
            /// Servers that come, go, degrade and recover.
            case backends
            /// One line for each request.
            case requests
            /// Why a request went where it went, and what was tried again.
            case routing
            /// The files, and what those that run say.
            case adapters
            /// Of clients, and to servers.
            case connections
            /// What operators had done, and who was refused.
            case operators
            /// The file that keeps what has ended.
            case history
            /// Spans for a collector.
            case tracing
        }

        public var level = Level.info
        public var format = Format.pretty
        public var requests = Requests.all
        /// Of components that have a level of their own.
        public var levels: [Component: Level] = [:]

        public init() {}

        /// The least that a component tells.
        public func level(of component: Component) -> Level { levels[component] ?? level }
    }
}
