extension Configuration {
    /// What is set of how long things may take, where that differs from what is set for more; nil leaves it as it is there.
    public struct TimeoutChanges: Sendable, Hashable {
        /// `.some(nil)`: any time.
        public var connect: Duration??
        public var firstByte: Duration??
        public var gap: Duration??
        public var total: Duration??
        public var queue: Duration?

        public init() {}

        /// These, with what others say besides.
        func with(_ other: TimeoutChanges) -> TimeoutChanges {
            var both = self
            both.connect = other.connect ?? connect
            both.firstByte = other.firstByte ?? firstByte
            both.gap = other.gap ?? gap
            both.total = other.total ?? total
            both.queue = other.queue ?? queue
            return both
        }
    }

    /// How long things may take for the models of a name, or of a pattern with `*`.
    public struct ModelTimeouts: Sendable, Hashable {
        /// Of the name at the backends.
        public var pattern: String
        public var changes: TimeoutChanges

        public init(pattern: String, changes: TimeoutChanges) {
            self.pattern = pattern
            self.changes = changes
        }

        /// In the order in which they count: exact names, then the longer patterns.
        public static func inOrder(_ all: [ModelTimeouts]) -> [ModelTimeouts] {
            all.sorted { NamePattern.precedes($0.pattern, $1.pattern) }
        }

        func fits(_ model: String) -> Bool { pattern == model || NamePattern.matches(pattern, model) }
    }
}

extension Configuration.Timeouts {
    /// The same with these changes.
    public func changed(by changes: Configuration.TimeoutChanges) -> Self {
        var changed = self
        if let connect = changes.connect { changed.connect = connect }
        if let firstByte = changes.firstByte { changed.firstByte = firstByte }
        if let gap = changes.gap { changed.gap = gap }
        if let total = changes.total { changed.total = total }
        if let queue = changes.queue { changed.queue = queue }
        return changed
    }

    /// Those of a model. Each limit is that of the first rule that fits the model and sets it; these, where none does.
    /// - Parameter rules: those that count more come first. Usually empty, which costs nothing.
    public func of(_ model: String, _ rules: [Configuration.ModelTimeouts]) -> Self {
        if rules.isEmpty { return self }
        return rules.reversed().reduce(self) { $1.fits(model) ? $0.changed(by: $1.changes) : $0 }
    }
}

extension Configuration.Timeouts {
    /// How long a request for a model may wait for a place by the rules, as `of` takes them; nil: none of them says so.
    public static func queue(of model: String, _ rules: [Configuration.ModelTimeouts]) -> Duration? {
        rules.first { $0.changes.queue != nil && $0.fits(model) }?.changes.queue
    }
}

extension BackendIdentity {
    /// How long things may take there for this model.
    public func timeouts(of model: String) -> Configuration.Timeouts { timeouts.of(model, modelTimeouts) }
}
