import JSON

/// What operators have changed of the backends while the gateway ran, over what the configuration names. It is applied in one
/// place, whenever the backends that are wanted are worked out, so that a reload of the operator's file keeps it. Pure.
public struct BackendOverlay: Sendable, Equatable {
    public enum Limits {
        /// Backends of one gateway, those of the configuration among them.
        public static let backends = 4096
        /// Backends that are changed, those among them that are not there any more.
        public static let changes = 8192
        /// Bytes of all that was told of added backends, together.
        public static let bytes = 8 * 1024 * 1024
    }

    /// A backend that was added, as its operator described it: read anew each time, since what it does not say itself is what
    /// the configuration says then.
    public struct Added: Sendable, Equatable {
        public var name: String
        /// With the keys of `[[backends]]`.
        public var specification: JSONObject

        public init(name: String, specification: JSONObject) {
            self.name = name
            self.specification = specification
        }
    }

    /// What is otherwise with one backend than it was described.
    public struct Change: Sendable, Equatable {
        public var isRemoved = false
        /// Nil: as described.
        public var isEnabled: Bool?
        public var priority: Int?
        /// `.some(nil)`: there is no limit.
        public var maxConcurrent: Int??
        /// How long things may take there.
        public var timeouts: Configuration.TimeoutChanges

        public init(
            isRemoved: Bool = false, isEnabled: Bool? = nil, priority: Int? = nil, maxConcurrent: Int?? = nil,
            timeouts: Configuration.TimeoutChanges = Configuration.TimeoutChanges()
        ) {
            self.isRemoved = isRemoved
            self.isEnabled = isEnabled
            self.priority = priority
            self.maxConcurrent = maxConcurrent
            self.timeouts = timeouts
        }

        var isNothing: Bool { self == Change() }

        /// The same, with what another one says besides.
        func with(_ other: Change) -> Change {
            Change(
                isRemoved: other.isRemoved, isEnabled: other.isEnabled ?? isEnabled,
                priority: other.priority ?? priority, maxConcurrent: other.maxConcurrent ?? maxConcurrent,
                timeouts: timeouts.with(other.timeouts))
        }
    }

    /// Why something is not done. Nothing has changed then.
    public enum Refusal: Error, Sendable, Equatable {
        /// A backend of the name is there: one that the configuration names, or an added one of another description.
        case nameTaken(isConfigured: Bool)
        /// The configuration names it, and it was removed at runtime.
        case nameRemoved
        case unknown
        case tooManyBackends
        case tooManyChanges
        /// All descriptions together have too many bytes.
        case tooLarge
        /// A backend that nobody has named has the address of this one.
        case addressTaken(by: String)
        /// What is kept would be more than a start takes.
        case tooMuchKept
    }

    /// In the order in which they were added.
    public private(set) var added: [Added] = []
    /// By the name of the backend. None says nothing.
    public private(set) var changes: [String: Change] = [:]

    public init() {}

    /// Of a file; later entries of a name count.
    public init(added: [Added], changes: [String: Change]) {
        var seen: Set<String> = []
        self.added = added.reversed().filter { seen.insert($0.name).inserted }.reversed()
        self.changes = changes.filter { !$0.value.isNothing }
    }

    public var isEmpty: Bool { added.isEmpty && changes.isEmpty }

    // MARK: Applying

    public struct Applied: Sendable {
        /// What is wanted now.
        public var backends: [Configuration.Backend] = []
        /// Added backends that the configuration names as well: what it says of them counts.
        public var overruled: [String] = []
        /// Changed ones that are not there.
        public var missing: [String] = []
    }

    /// - Parameters:
    ///   - base: what the configuration names, or what was found where it names nothing.
    ///   - read: what a description means now; nil: nothing any more.
    public func applied(
        to base: [Configuration.Backend], read: (JSONObject) -> Configuration.Backend?
    ) -> Applied {
        var applied = Applied()
        let named = Set(base.map(\.name))
        var known = named
        for backend in base { applied.take(backend, changes[backend.name]) }
        for one in added {
            known.insert(one.name)
            guard !named.contains(one.name) else {
                applied.overruled.append(one.name)
                continue
            }
            guard var backend = read(one.specification) else { continue }
            backend.source = DiscoverySource.manual
            applied.take(backend, changes[one.name])
        }
        applied.missing = changes.keys.filter { !known.contains($0) }.sorted()
        return applied
    }

    /// Whether a backend of the name is wanted.
    public func has(_ name: String, over base: Set<String>) -> Bool {
        changes[name]?.isRemoved != true && (base.contains(name) || isAdded(name))
    }

    public func isAdded(_ name: String) -> Bool { added.contains { $0.name == name } }

    // MARK: Changing

    /// - Parameter base: the names of the configuration.
    /// - Returns: false if the same backend was added before.
    public mutating func add(_ new: Added, over base: Set<String>) throws(Refusal) -> Bool {
        if base.contains(new.name) {
            throw changes[new.name]?.isRemoved == true ? .nameRemoved : .nameTaken(isConfigured: true)
        }
        if let before = added.first(where: { $0.name == new.name }) {
            guard before == new else { throw .nameTaken(isConfigured: false) }
            return false
        }
        guard base.union(added.map(\.name)).count < Limits.backends else { throw .tooManyBackends }
        guard size + Self.size(new) <= Limits.bytes else { throw .tooLarge }
        added.append(new)
        // What was left of one of that name is not meant.
        changes[new.name] = nil
        return true
    }

    /// Bytes of all descriptions.
    private var size: Int { added.reduce(0) { $0 + Self.size($1) } }

    private static func size(_ added: Added) -> Int { JSONValue.object(added.specification).bytes.count }

    /// - Returns: false if it was removed before.
    public mutating func remove(_ name: String, over base: Set<String>) throws(Refusal) -> Bool {
        guard base.contains(name) || isAdded(name) else { throw .unknown }
        if base.contains(name) {
            guard changes[name]?.isRemoved != true else { return false }
            try makeRoom(for: name)
            changes[name] = Change(isRemoved: true)
        } else {
            changes[name] = nil
        }
        added.removeAll { $0.name == name }
        return true
    }

    /// A backend that the configuration names, and that was removed, comes back by being enabled.
    /// - Parameter isEnabled: as it is described; to make it that again is no change.
    /// - Returns: false if all that was so before.
    public mutating func change(
        _ name: String, _ change: Change, over base: Set<String>, isEnabled: Bool = true
    ) throws(Refusal) -> Bool {
        guard base.contains(name) || isAdded(name) else { throw .unknown }
        let before = changes[name] ?? Change()
        if before.isRemoved, change.isEnabled != true { throw .nameRemoved }
        var new = before.isRemoved ? change : before.with(change)
        if new.isEnabled == isEnabled { new.isEnabled = nil }
        guard new != before else { return false }
        try makeRoom(for: name)
        changes[name] = new.isNothing ? nil : new
        return true
    }

    private func makeRoom(for name: String) throws(Refusal) {
        guard changes[name] != nil || changes.count < Limits.changes else { throw .tooManyChanges }
    }

    // MARK: Keeping

    /// All that is said of one backend.
    public struct Entry: Sendable, Equatable {
        public var added: Added?
        public var change: Change?

        public var isNothing: Bool { added == nil && change == nil }
    }

    public func entry(_ name: String) -> Entry {
        Entry(added: added.first { $0.name == name }, change: changes[name])
    }

    /// Takes over what another one says of a backend, also if that is nothing. What is kept of many, one after another, may be
    /// more than was ever in force at once, and has the same limits.
    public mutating func take(_ name: String, from other: BackendOverlay) throws(Refusal) {
        let entry = other.entry(name)
        let index = added.firstIndex { $0.name == name }
        if let new = entry.added, index.map({ added[$0] != new }) ?? true {
            let before = index.map { Self.size(added[$0]) } ?? 0
            guard index != nil || added.count < Limits.backends, size - before + Self.size(new) <= Limits.bytes else {
                throw .tooMuchKept
            }
        }
        guard entry.change == nil || changes[name] != nil || changes.count < Limits.changes else { throw .tooMuchKept }
        changes[name] = entry.change
        switch (index, entry.added) {
        case (let index?, let new?): added[index] = new
        case (let index?, nil): added.remove(at: index)
        case (nil, let new?): added.append(new)
        case (nil, nil): break
        }
    }

    // MARK: For people

    /// What is otherwise than the configuration says, in one line; nil: nothing is.
    public var summary: String? {
        let removed = changes.filter(\.value.isRemoved).keys.sorted()
        let drained = changes.filter { !$0.value.isRemoved && $0.value.isEnabled == false }.keys.sorted()
        let set = changes.filter {
            !$0.value.isRemoved && $0.value.with(Change(isEnabled: true)) != Change(isEnabled: true)
        }
        .keys.sorted()
        let parts = [("added", added.map(\.name)), ("removed", removed), ("drained", drained), ("set", set)]
            .filter { !$0.1.isEmpty }.map { "\($0.0): \(Self.list($0.1))" }
        return parts.isEmpty ? nil : parts.joined(separator: "; ")
    }

    /// Some names, and how many more there are.
    private static func list(_ names: [String]) -> String {
        let shown = names.prefix(10).map { EntryLimits.cut($0, to: 80) }.joined(separator: ", ")
        return names.count > 10 ? "\(shown) and \(names.count - 10) more" : shown
    }
}

extension BackendOverlay.Applied {
    fileprivate mutating func take(_ backend: Configuration.Backend, _ change: BackendOverlay.Change?) {
        guard let change else { return backends.append(backend) }
        guard !change.isRemoved else { return }
        var backend = backend
        if let isEnabled = change.isEnabled { backend.isEnabled = isEnabled }
        if let priority = change.priority { backend.priority = priority }
        if let limit = change.maxConcurrent { backend.maxConcurrent = limit }
        backend.timeouts = backend.timeouts.changed(by: change.timeouts)
        backends.append(backend)
    }
}
