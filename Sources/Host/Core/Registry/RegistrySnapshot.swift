/// Who a backend is and what the operator has set for it. A reload may change what routing looks at (`Registry.relabel`);
/// the id stays.
public struct BackendIdentity: Sendable, Hashable {
    public var id: String
    public var name: String
    public var url: String
    /// Its adapter's.
    public var backendType: String
    /// What the operator has written as the type; nil: its adapter's.
    public var writtenType: String?
    /// Lower wins.
    public var priority: Int
    /// Exchanges at once; nil: no limit.
    public var maxConcurrent: Int?
    /// False: the operator has drained it, and it takes nothing new.
    public var isEnabled: Bool
    /// How long things may take there.
    public var timeouts: Configuration.Timeouts
    /// For some models other times, in the order in which they count.
    public var modelTimeouts: [Configuration.ModelTimeouts]
    public var discoverySource: String
    /// More that is shown of it; what is reported of the server is added.
    public var labels: [String: String]

    public init(
        id: String, name: String, url: String, backendType: String, writtenType: String? = nil, priority: Int,
        maxConcurrent: Int? = nil, isEnabled: Bool = true,
        timeouts: Configuration.Timeouts = Configuration.Timeouts(), modelTimeouts: [Configuration.ModelTimeouts] = [],
        discoverySource: String = DiscoverySource.configured, labels: [String: String] = [:]
    ) {
        self.id = id
        self.name = name
        self.url = url
        self.backendType = backendType
        self.writtenType = writtenType
        self.priority = priority
        self.maxConcurrent = maxConcurrent
        self.isEnabled = isEnabled
        self.timeouts = timeouts
        self.modelTimeouts = modelTimeouts
        self.discoverySource = discoverySource
        self.labels = labels
    }
}

/// One backend at one instant, except for its counters, which are live. An object, since every request passes it on.
public final class BackendSnapshot: Sendable {
    public let identity: BackendIdentity
    public let status: BackendStatus
    public let lastError: String?
    public let counters: BackendCounters
    public let driver: any BackendDriver
    /// What the server answers, as bits of the ABI; 0: all that its adapter does.
    public let kinds: UInt32

    /// Whether it may be given one more exchange now.
    public var hasPlace: Bool { counters.capacity.hasPlace(limit: identity.maxConcurrent) }

    public init(
        identity: BackendIdentity, status: BackendStatus, lastError: String?, counters: BackendCounters,
        driver: any BackendDriver, kinds: UInt32
    ) {
        self.identity = identity
        self.status = status
        self.lastError = lastError
        self.counters = counters
        self.driver = driver
        self.kinds = kinds
    }
}

/// The whole registry at one instant: immutable, made at a change, read without a lock.
/// An object, since every request holds it more than once.
public final class RegistrySnapshot: Sendable {
    /// Backends that do not serve and have never told what they have. In the time of all models and backends, for errors alone.
    public var silent: [BackendSnapshot] {
        guard backends.contains(where: { !$0.status.serves }) else { return [] }
        let known = Set(holders.values.joined())
        return backends.enumerated().filter { !$1.status.serves && !known.contains($0) }.map(\.element)
    }

    /// In the order they were added.
    public let backends: [BackendSnapshot]
    /// For each model id the indices (into `backends`) of the backends that have it and serve.
    public let candidates: [String: [Int]]
    /// For each model id the indices of the backends that have it, or had it when they were last healthy.
    public let holders: [String: [Int]]
    /// The ids in `holders`.
    public let spellings: NameSpellings
    /// The indices of the backends that serve and take any name which no backend has (`Model.any`).
    public let takingAny: [Int]

    /// What backends tell of their models.
    public let told: ToldModels
    /// Live: what is learnt of the models' prompts.
    public let estimates: TokenEstimates
    /// For each model id that several backends have, what is known of it there.
    public let standings: [String: ModelStandings]
    /// For each model id that more than `Shortlist.limit` backends can be asked for.
    public let shortlists: [String: Shortlist]

    /// The indices of the backends that can be asked for a model; nil: there is none.
    public func candidates(for model: String) -> [Int]? {
        candidates[model] ?? (takingAny.isEmpty || holders[model] != nil ? nil : takingAny)
    }

    /// The name of the backend with this id, or else of the first with this name; nil: there is none.
    public func backendName(_ idOrName: String) -> String? {
        let found =
            backends.first { $0.identity.id == idOrName } ?? backends.first { $0.identity.name == idOrName }
        return found?.identity.name
    }

    public init(
        backends: [BackendSnapshot] = [], candidates: [String: [Int]] = [:], holders: [String: [Int]] = [:],
        takingAny: [Int] = [], told: ToldModels = ToldModels(), standings: [String: ModelStandings] = [:],
        estimates: TokenEstimates = TokenEstimates()
    ) {
        self.standings = standings
        shortlists = Shortlist.all(candidates, backends, standings)
        self.told = told
        self.estimates = estimates
        self.takingAny = takingAny
        self.backends = backends
        self.candidates = candidates
        self.holders = holders
        spellings = NameSpellings(holders.keys)
    }
}

/// Where so many backends can be asked for a model that looking at each would take too long: those that are looked at in any case.
public struct Shortlist: Sendable, Equatable {
    /// Candidates up to which all are looked at.
    public static let limit = 32

    /// The indices of all.
    public let all: [Int]
    /// The indices of those whose priority is the best.
    public let first: [Int]
    /// The indices of those that have the model loaded.
    public let loaded: [Int]

    static func all(
        _ candidates: [String: [Int]], _ backends: [BackendSnapshot], _ standings: [String: ModelStandings]
    ) -> [String: Shortlist] {
        guard backends.count > limit else { return [:] }
        var lists: [String: Shortlist] = [:]
        for (model, indices) in candidates where indices.count > limit {
            let best = indices.map { backends[$0].identity.priority }.min()
            let known = standings[model]
            lists[model] = Shortlist(
                all: indices,
                first: indices.filter { backends[$0].identity.priority == best },
                loaded: indices.filter { known?[$0]?.readiness == .loaded })
        }
        return lists
    }
}
