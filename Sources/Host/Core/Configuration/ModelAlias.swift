/// What an operator's name of a model stands for: one name, several in order, or several by weight.
public struct ModelAlias: Sendable, Equatable {
    public enum Limits {
        /// Names that one alias may stand for.
        public static let targets = 64
        /// Aliases that may lead to one another.
        public static let depth = 3
        /// Models that are tried for one request, fallbacks included.
        public static let chain = 64
        public static let weight = 1_000_000
    }

    public struct Target: Sendable, Equatable {
        /// A model's name at the backends, or another alias.
        public var model: String
        /// At this backend only, by its name; nil: at any.
        public var backend: String?
        /// How often it is the first, among the others; 1 to `Limits.weight`. Of no meaning in order.
        public var weight: Int

        public init(_ model: String, backend: String? = nil, weight: Int = 1) {
            self.model = model
            self.backend = backend
            self.weight = weight
        }
    }

    /// Not empty.
    public var targets: [Target]
    /// The one that is tried first is drawn for each request, and so are the others behind it.
    public var isWeighted: Bool

    public init(_ targets: [Target], isWeighted: Bool = false) {
        self.targets = targets
        self.isWeighted = isWeighted
    }

    /// The targets in the order in which they are tried.
    /// - Parameter random: nil: as they are written.
    public func ordered(_ random: inout SeededRandom?) -> [Target] {
        guard isWeighted, random != nil else { return targets }
        var left = targets
        var drawn: [Target] = []
        drawn.reserveCapacity(left.count)
        while left.count > 1 {
            let all = left.reduce(0) { $0 + max(1, $1.weight) }
            var place = Int((random?.next() ?? 0) % UInt64(all))
            var index = 0
            while index < left.count - 1, place >= max(1, left[index].weight) {
                place -= max(1, left[index].weight)
                index += 1
            }
            drawn.append(left.remove(at: index))
        }
        return drawn + left
    }
}

extension ModelAlias: ExpressibleByStringLiteral {
    /// One name.
    public init(stringLiteral model: String) { self.init([Target(model)]) }
}

/// One model to be tried for a request, and where.
public struct ModelTarget: Sendable, Hashable {
    /// The name at the backends.
    public var model: String
    /// At this backend only, by its name; nil: at any.
    public var backend: String?

    public init(_ model: String, backend: String? = nil) {
        self.model = model
        self.backend = backend
    }
}
