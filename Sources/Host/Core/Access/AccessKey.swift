import Synchronization

/// What a key is for.
public enum KeyRole: String, Sendable, CaseIterable {
    /// Requests to models.
    case client
    /// That, and to see and change how the gateway runs.
    case `operator`
}

/// One key as it is configured.
public struct KeyRule: Sendable, Hashable {
    /// Shown wherever the key is meant. Of its kind there is one.
    public var name: String
    public var hash: KeyHash
    public var role: KeyRole
    /// From this instant on it counts no more, in Unix seconds; nil: never.
    public var expires: Int64?
    public var scope: KeyScope
    public var limits: KeyLimits
    /// What the client may ask for at the most; a higher priority is taken for this.
    public var maxPriority: AdmissionQueue.Priority

    public init(
        name: String, hash: KeyHash, role: KeyRole = .client, expires: Int64? = nil, scope: KeyScope = KeyScope(),
        limits: KeyLimits = KeyLimits(), maxPriority: AdmissionQueue.Priority = .high
    ) {
        self.name = name
        self.hash = hash
        self.role = role
        self.expires = expires
        self.scope = scope
        self.limits = limits
        self.maxPriority = maxPriority
    }

    public func isExpired(at wall: Int64) -> Bool { expires.map { $0 <= wall } ?? false }
}

/// A key that is known, with what was done by it.
public final class AccessKey: Sendable {
    public let rule: KeyRule
    public let usage: KeyUsage
    /// Tells its client apart from others where requests wait.
    public let client: AdmissionQueue.Client

    init(_ rule: KeyRule, usage: KeyUsage) {
        self.rule = rule
        self.usage = usage
        client = rule.name.hashValue
    }

    public var name: String { rule.name }
    public var isOperator: Bool { rule.role == .operator }
    /// Nil: it may use all.
    public var scope: KeyScope? { rule.scope.isAll ? nil : rule.scope }
}

/// All keys that are in force.
///
/// A key is found by its hash: who wants to learn something from how long that takes would have to choose what a key's hash begins
/// with, and knows no more of the key then. The hashes themselves are compared in constant time.
public final class Keyring: Sendable {
    public enum Limits {
        public static let keys = 1000
        /// Names of keys that are in force no more whose use is remembered; those that went first are forgotten.
        public static let gone = 1000
        /// Bytes of what a client shows; more is no key.
        public static let shown = 512
    }

    /// In the order of their names.
    public let keys: [AccessKey]
    /// Who has none is refused.
    public let isRequired: Bool
    /// There is a key of an operator, or was one since the start: taking the last one away does not make operators of all who look as
    /// if they were on this machine.
    public let hasOperators: Bool
    private let byHash: [KeyHash: AccessKey]
    /// What was used by keys that are in force no more, in the order in which they went: a key that is removed and added again begins no
    /// new day.
    let gone: Mutex<[GoneKey]>

    public static let none = Keyring([], isRequired: false)

    /// - Parameter before: whose keys of the same names, and those that went before it, go on with what they have used.
    public init(_ rules: [KeyRule], isRequired: Bool, before: Keyring? = nil) {
        let known = before.map { before in
            before.gone.withLock { $0 } + before.keys.map { GoneKey(name: $0.name, usage: $0.usage) }
        }
        let usages = Dictionary((known ?? []).map { ($0.name, $0.usage) }, uniquingKeysWith: { _, last in last })
        let names = Set(rules.map(\.name))
        gone = Mutex(Array((known ?? []).filter { !names.contains($0.name) }.suffix(Limits.gone)))
        keys = rules.map { AccessKey($0, usage: usages[$0.name] ?? KeyUsage()) }.sorted { $0.name < $1.name }
        self.isRequired = isRequired
        hasOperators = rules.contains { $0.role == .operator } || before?.hasOperators == true
        byHash = Dictionary(keys.map { ($0.rule.hash, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// - Parameter shown: what the client gave.
    /// - Returns: its key, which may have expired; nil: it is none.
    public func key(_ shown: some Collection<UInt8>) -> AccessKey? {
        guard (1...Limits.shown).contains(shown.count) else { return nil }
        return byHash[KeyHash(of: shown)]
    }

    public func key(named name: String) -> AccessKey? { keys.first { $0.name == name } }

    /// The same keys, with the same rules.
    public func isSame(as other: Keyring) -> Bool {
        self === other || isRequired == other.isRequired && keys.map(\.rule) == other.keys.map(\.rule)
    }
}

/// A key that is in force no more.
struct GoneKey: Sendable {
    var name: String
    var usage: KeyUsage
}
