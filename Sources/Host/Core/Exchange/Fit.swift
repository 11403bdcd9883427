/// How well a backend's model fits a request, as far as is told of it. The smallest is the best.
enum Fit: Int, Comparable {
    /// It certainly can.
    case certain
    /// Whether it can is not told.
    case unknown
    /// It can, but for what the request can do without.
    case lesser
    /// Its context is too short by the estimate, which may be wrong.
    case small
    /// It certainly lacks what is needed.
    case unable

    static func < (left: Fit, right: Fit) -> Bool { left.rawValue < right.rawValue }

    /// It is worth the wait for nothing else.
    var isGood: Bool { self < .small }
}

/// How several holders of one model fit one request.
struct Fits {
    private(set) var all: [(index: Int, fit: Fit)] = []
    /// Of the contexts that are too short.
    private var largest: UInt64 = 0

    /// The places of the best.
    var best: [Int] {
        guard let best = all.lazy.map(\.fit).min(), best != .unable else { return [] }
        return all.filter { $0.fit == best }.map(\.index)
    }

    var hasCertain: Bool { all.contains { $0.fit == .certain } }

    /// Those for which a request waits: whether they certainly can or not; those whose context is too short only where there are
    /// no others.
    var good: [Int] {
        let good = all.filter(\.fit.isGood).map(\.index)
        return good.isEmpty ? best : good
    }

    /// - Parameters:
    ///   - indices: of holders of the model, in rising order.
    ///   - held: all its holders, in the same order as `told`.
    ///   - tokens: of the prompt, corrected.
    ///   - isFirm: more than twice too long is certainly too long: another model is to be tried.
    init(_ indices: [Int], held: [Int], told: [ToldModel], needs: Needs, tokens: UInt64, isFirm: Bool) {
        all.reserveCapacity(indices.count)
        let total = tokens &+ needs.answer
        var place = 0
        var tells: [ToldModel] = []
        tells.reserveCapacity(indices.count)
        for index in indices {
            while place < held.count, held[place] < index { place += 1 }
            let isTold = place < min(held.count, told.count) && held[place] == index
            tells.append(isTold ? told[place] : .nothing)
        }
        let isLong = tells.contains { $0.contextLength > 0 && $0.contextLength < total }
        for (index, tells) in zip(indices, tells) {
            let fit = Self.fit(tells, needs, tokens: tokens, total: total, isLong: isLong, isFirm: isFirm)
            if fit == .small { largest = max(largest, tells.contextLength) }
            all.append((index, fit))
        }
        guard largest > 0 else { return }
        // Of those that are too short only the largest are asked: the others would do no better.
        let isAlone = !all.contains { $0.fit.isGood }
        guard isAlone else { return }
        all = zip(all, tells).compactMap { $0.fit == .small && $1.contextLength < largest ? nil : $0 }
    }

    private static func fit(
        _ tells: ToldModel, _ needs: Needs, tokens: UInt64, total: UInt64, isLong: Bool, isFirm: Bool
    ) -> Fit {
        guard tells.missing(for: needs).isEmpty else { return .unable }
        if tells.contextLength > 0, tells.contextLength < total {
            return isFirm && tokens / 2 > tells.contextLength ? .unable : .small
        }
        if !needs.wished.isDisjoint(with: tells.lacks) { return .lesser }
        let isCertain =
            tells.capabilities.isSuperset(of: needs.required.union(needs.wished))
            && (!isLong || tells.contextLength > 0)
        return isCertain ? .certain : .unknown
    }
}
