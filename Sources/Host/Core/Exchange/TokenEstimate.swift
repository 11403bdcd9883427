import Synchronization

/// How many tokens the prompts of each model have, for each token that their bytes were taken for: learnt from the counts that
/// servers report. Pure.
public struct TokenEstimate: Sendable, Equatable {
    /// Models that are remembered; of more those are forgotten that were heard of longest ago.
    public static let limit = 1024
    /// Of them, what is forgotten at once: to look for the oldest costs a look at all, which no request is to pay for alone.
    static let forgottenShare = 8
    /// Prompts that are shorter say more of the frame around them than of their text.
    public static let shortest: UInt64 = 64
    /// What servers say is believed between these: some do not count what they had cached.
    public static let smallestRatio = 0.5
    public static let largestRatio = 4.0
    /// Of the newest count in the ratio.
    static let newestShare = 0.2

    private struct Entry: Equatable {
        var ratio: Double
        var heard: UInt64
    }

    private var models: [String: Entry] = [:]
    private var count: UInt64 = 0

    public init() {}

    /// Tokens for each estimated one; 1: nothing was learnt of the model.
    public func ratio(of model: String) -> Double { models[model]?.ratio ?? 1 }

    /// - Parameters:
    ///   - model: its name at the backends, never one that a client made up.
    ///   - estimated: uncorrected.
    ///   - reported: by the server.
    public mutating func learn(_ model: String, estimated: UInt64, reported: UInt64) {
        guard estimated >= Self.shortest, reported > 0 else { return }
        let ratio = min(max(Double(reported) / Double(estimated), Self.smallestRatio), Self.largestRatio)
        count += 1
        guard let before = models[model]?.ratio else {
            if models.count >= Self.limit { forgetOldest() }
            models[model] = Entry(ratio: ratio, heard: count)
            return
        }
        models[model] = Entry(ratio: before + Self.newestShare * (ratio - before), heard: count)
    }

    /// Everything that was learnt, what was heard of longest ago first.
    var kept: [KeptFigure] {
        models.sorted { $0.value.heard < $1.value.heard }
            .map { KeptFigure(scope: .estimate, name: $0.key, numbers: [$0.value.ratio]) }
    }

    /// Takes what was learnt before, of models of which nothing newer is known.
    mutating func restore(_ kept: [KeptFigure]) {
        for figure in kept where figure.scope == .estimate && models[figure.name] == nil {
            guard models.count < Self.limit, let ratio = figure.numbers.first, ratio.isFinite else { continue }
            count += 1
            models[figure.name] = Entry(
                ratio: min(max(ratio, Self.smallestRatio), Self.largestRatio), heard: count)
        }
    }

    private mutating func forgetOldest() {
        let heard = models.values.map(\.heard).sorted()
        let last = heard[heard.count / Self.forgottenShare]
        models = models.filter { $0.value.heard > last }
    }
}

/// The estimate that all event loops share. It learns from the ledger, and is asked only about prompts that may be too long.
public final class TokenEstimates: LedgerSink {
    private let estimate = Mutex(TokenEstimate())

    public init() {}

    public func take(_ entries: [HistoryEntry]) {
        for index in entries.indices where entries[index].promptEstimate >= TokenEstimate.shortest {
            guard let reported = entries[index].promptTokens, let model = entries[index].knownModel else { continue }
            let estimated = entries[index].promptEstimate
            estimate.withLock { $0.learn(model, estimated: estimated, reported: reported) }
        }
    }

    /// Everything that was learnt, for the next run of the gateway.
    public var kept: [KeptFigure] { estimate.withLock { $0 }.kept }

    /// The same of these models alone.
    public func kept(of models: Set<String>) -> [KeptFigure] { kept.filter { models.contains($0.name) } }

    /// Takes what a run before this one has learnt.
    public func restore(_ kept: [KeptFigure]) { estimate.withLock { $0.restore(kept) } }

    /// A prompt's tokens, corrected by what is known of the model.
    public func tokens(_ estimated: UInt64, model: String) -> UInt64 {
        guard estimated > 0 else { return 0 }
        return UInt64(Double(min(estimated, 1 << 50)) * estimate.withLock { $0.ratio(of: model) })
    }
}
