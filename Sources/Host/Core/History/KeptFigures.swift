/// Figures of exchanges as they are kept for the next run of the gateway: numbers under a name. What they mean is the business of
/// whoever made them.
public struct KeptFigure: Sendable, Equatable {
    /// What the name is one of.
    public enum Scope: String, Sendable, CaseIterable {
        case total, model, others, backend
        /// A ratio of tokens by model.
        case estimate
        /// What was used by a key.
        case key
        /// How long a backend takes to answer with a model (`KeptPair`).
        case answerTime = "answer_time"
        /// How long answers of a model took to begin, of which it follows when one is late.
        case lateness

        /// It was learnt, and is worth nothing once it is old.
        public var isLearnt: Bool { self == .estimate || self == .answerTime || self == .lateness }
    }

    /// Models at backends of which times are kept; of further ones they are not.
    public static let timesLimit = 10_000

    public var scope: Scope
    public var name: String
    public var numbers: [Double]

    public init(scope: Scope, name: String, numbers: [Double]) {
        self.scope = scope
        self.name = name
        self.numbers = numbers
    }
}

/// A model at a backend, as the name of a figure.
public struct KeptPair: Hashable, Sendable {
    public var backend: String
    public var model: String

    public init(backend: String, model: String) {
        self.backend = backend
        self.model = model
    }

    /// Neither may have a control character in it.
    private static let separator: Character = "\u{1F}"

    var name: String { "\(backend)\(Self.separator)\(model)" }

    init?(name: String) {
        guard let place = name.firstIndex(of: Self.separator) else { return nil }
        backend = String(name[..<place])
        model = String(name[name.index(after: place)...])
    }
}

extension ExchangeFigures {
    /// Everything that is counted now.
    public var kept: [KeptFigure] { kept(models: nil, backends: nil) }

    /// What is counted in all, and of these models and backends; nil: of all.
    public func kept(models: Set<String>?, backends: Set<String>?) -> [KeptFigure] {
        state.withLock { state in
            let totals = [state.totals.total, state.totals.success, state.totals.errors].map { Double($0) }
            var kept = [
                KeptFigure(scope: .total, name: "", numbers: totals),
                KeptFigure(scope: .others, name: "", numbers: state.otherModels.kept),
            ]
            for name in models ?? Set(state.models.keys) {
                guard let figures = state.models[name] else { continue }
                kept.append(KeptFigure(scope: .model, name: name, numbers: figures.kept))
            }
            for id in backends ?? Set(state.backends.keys) {
                guard let figures = state.backends[id] else { continue }
                kept.append(KeptFigure(scope: .backend, name: id, numbers: figures.kept))
            }
            return kept
        }
    }

    /// Adds what runs before this one have counted; to be called once.
    /// - Parameter kept: may come from a file that anybody wrote.
    public func restore(_ kept: [KeptFigure]) {
        state.withLock { state in
            for figure in kept {
                switch figure.scope {
                case .total:
                    guard figure.numbers.count == 3 else { continue }
                    let sums = figure.numbers.map { UInt64($0.whole(in: 0...Int(Tally.limit))) }
                    state.totals.total += sums[0]
                    state.totals.success += sums[1]
                    state.totals.errors += sums[2]
                case .others: state.otherModels.add(ModelFigures(kept: figure.numbers))
                case .model:
                    guard state.models[figure.name] != nil || state.models.count < Self.modelLimit else { continue }
                    state.models[figure.name, default: ModelFigures()].add(ModelFigures(kept: figure.numbers))
                case .backend:
                    guard state.backends[figure.name] != nil || state.backends.count < Self.backendLimit else {
                        continue
                    }
                    state.backends[figure.name, default: BackendFigures()].add(BackendFigures(kept: figure.numbers))
                case .estimate, .key, .answerTime, .lateness: continue
                }
            }
        }
    }
}

extension ExchangeFigures.ModelFigures {
    fileprivate var kept: [Double] { [Double(requests), Double(milliseconds.value)] + tokens.kept }

    fileprivate init(kept: [Double]) {
        self.init()
        guard kept.count == 2 + TokenFigures.keptCount else { return }
        requests = UInt64(kept[0].whole(in: 0...Int(Tally.limit)))
        milliseconds = Tally(UInt64(kept[1].whole(in: 0...Int(Tally.limit))))
        tokens = TokenFigures(kept: kept[2...])
    }

    fileprivate mutating func add(_ other: Self) {
        requests += other.requests
        milliseconds += other.milliseconds.value
        tokens += other.tokens
    }
}

extension ExchangeFigures.BackendFigures {
    fileprivate var kept: [Double] {
        [Double(requestsBefore + requests)] + tokens.kept + durations.kept + firstTokens.kept
    }

    fileprivate init(kept: [Double]) {
        self.init()
        let parts = (TokenFigures.keptCount, Histogram.keptCount)
        guard kept.count == 1 + parts.0 + 2 * parts.1 else { return }
        requestsBefore = UInt64(kept[0].whole(in: 0...Int(Tally.limit)))
        tokens = TokenFigures(kept: kept[1..<1 + parts.0])
        durations = Histogram(kept: kept[(1 + parts.0)..<(1 + parts.0 + parts.1)])
        firstTokens = Histogram(kept: kept[(1 + parts.0 + parts.1)...])
    }

    fileprivate mutating func add(_ other: Self) {
        requestsBefore += other.requestsBefore
        tokens += other.tokens
        durations += other.durations
        firstTokens += other.firstTokens
    }
}
