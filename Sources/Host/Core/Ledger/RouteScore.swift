/// What the smart strategy made of one backend for one request: points by named part, none above zero, more is better.
public struct RouteScore: Sendable, Equatable {
    /// What each part looks at. New parts go at the end; at most 8.
    public enum Part: Int, Sendable, CaseIterable {
        /// Whether the server has the model in its memory.
        case loaded
        /// Requests that the server has to do already, for its places.
        case work
        /// How long answers of this model took to begin there of late.
        case firstToken
        /// The operator's.
        case priority
        /// Failures in a row.
        case failures
        /// The share of failures in the last five minutes.
        case errors

        /// As records, `POST /v1/explain` and the configuration write it.
        public var name: String {
            switch self {
            case .loaded: "loaded"
            case .work: "work"
            case .firstToken: "first_token"
            case .priority: "priority"
            case .failures: "failures"
            case .errors: "errors"
            }
        }
    }

    private var points = SIMD8<Double>.zero

    public init() {}

    public subscript(part: Part) -> Double {
        get { points[part.rawValue] }
        set { points[part.rawValue] = newValue }
    }

    public var total: Double { points.sum() }
}

/// Why a backend was chosen for an attempt. An object: it is told to the client, and kept in the record.
public final class RouteReason: Sendable, Equatable {
    /// The only one that could be asked.
    public static let only = RouteReason()
    public static let onlyAgain = RouteReason(isRetry: true)

    /// Nil: there was nothing to choose.
    public let strategy: Configuration.Routing.Strategy?
    /// Backends that could be asked.
    public let candidates: Int
    /// Another was tried before.
    public let isRetry: Bool
    /// It runs beside another one, whose answer is late.
    public let isHedge: Bool
    /// Of the smart strategy.
    public let score: RouteScore?

    private init(isRetry: Bool = false) {
        (strategy, candidates, score) = (nil, 1, nil)
        self.isRetry = isRetry
        isHedge = false
    }

    private init(hedge reason: RouteReason) {
        (strategy, candidates, score) = (reason.strategy, reason.candidates, reason.score)
        (isRetry, isHedge) = (false, true)
    }

    /// The same for an attempt beside another one.
    public var hedged: RouteReason { RouteReason(hedge: self) }

    public init(
        _ strategy: Configuration.Routing.Strategy, candidates: Int, isRetry: Bool, score: RouteScore? = nil
    ) {
        self.strategy = strategy
        self.candidates = candidates
        self.isRetry = isRetry
        self.score = score
        isHedge = false
    }

    public static func == (left: RouteReason, right: RouteReason) -> Bool {
        left === right
            || (left.strategy, left.candidates, left.isRetry, left.isHedge, left.score)
                == (right.strategy, right.candidates, right.isRetry, right.isHedge, right.score)
    }

    /// In one line, such as `smart;candidates=3;score=-12.5;work=-7.5;priority=-5`. Parts that took nothing are left out.
    public var text: String {
        let ending = isHedge ? ";hedge" : isRetry ? ";retry" : ""
        guard let strategy else { return "only-candidate" + ending }
        var text = "\(strategy.rawValue);candidates=\(candidates)"
        if let score {
            text += ";score=" + Self.tenths(score.total)
            for part in RouteScore.Part.allCases where (score[part] * 10).rounded() != 0 {
                text += ";\(part.name)=" + Self.tenths(score[part])
            }
        }
        return text + ending
    }

    private static func tenths(_ points: Double) -> String {
        let tenths = (points * 10).whole(in: -1_000_000...1_000_000)
        let (whole, rest) = abs(tenths).quotientAndRemainder(dividingBy: 10)
        return (tenths < 0 ? "-" : "") + (rest == 0 ? "\(whole)" : "\(whole).\(rest)")
    }
}

/// One attempt of an exchange, as its record tells it.
public struct RouteStep: Sendable, Equatable {
    /// What became of it.
    public enum End: String, Sendable {
        /// The exchange ended while it was under way: its client has gone, an operator cancelled it.
        case open = "unfinished"
        case answered
        case failed
        /// Another one ran beside it, and was faster.
        case hedgedAway = "hedged_away"
    }

    /// The backend's id.
    public var backend: String
    public var reason: RouteReason
    /// The model's name at the backends; nil: no backend has such a model.
    public var model: String?
    public var end: End
    /// From its start to the first of its answer; nil: none came.
    public var firstByteMilliseconds: UInt64?
    /// From its start until it was given up for a faster one; nil: it was not.
    public var waitedMilliseconds: UInt64?
    /// Why it failed; nil: it did not.
    public var failure: String?
    /// It failed by the backend's fault.
    public var isBlamed = false

    public init(backend: String, reason: RouteReason, end: End? = nil, failure: String? = nil) {
        self.backend = backend
        self.reason = reason
        self.end = end ?? (failure == nil ? .open : .failed)
        self.failure = failure
    }
}
