import Glibc

/// A change in words.
public struct ChangeWords: Sendable, Equatable {
    /// What changed, such as "p95".
    public var what: String
    /// Whether it is of requests, and not of a moment.
    private var isOfRequests: Bool
    /// Such as "4.1 s".
    public var now: String
    /// Such as "0.6 to 0.8 s".
    public var before: String

    public init(_ change: SeriesChanges.Change) {
        what = change.metric.words
        isOfRequests = change.metric != .inFlight && change.metric != .queued
        let before = (change.before.min() ?? 0, change.before.max() ?? 0)
        let unit = change.metric.unit(upTo: max(change.now, before.1))
        now = unit.text(change.now)
        self.before = change.before.isEmpty ? "" : unit.text(before.0, to: before.1)
    }

    /// The whole sentence.
    /// - Parameters:
    ///   - model: its name; nil: all.
    ///   - backend: its name; nil: all.
    public func text(model: String?, backend: String?) -> String {
        let place =
            switch (model, backend) {
            case (let model?, let backend?): " of \(model) at \(backend)"
            case (nil, let backend?): " at \(backend)"
            case (let model?, nil): " of \(model)"
            case (nil, nil): isOfRequests ? " of all requests" : ""
            }
        return "\(what)\(place): \(now)" + (before.isEmpty ? "" : ", before \(before)")
    }
}

extension ChangeMetric {
    var words: String {
        switch self {
        case .requests: "requests"
        case .errors: "errors"
        case .failedAttempts: "failed attempts"
        case .durationP50: "median"
        case .durationP95: "p95"
        case .durationP99: "p99"
        case .firstTokenP50: "median to the first token"
        case .firstTokenP95: "p95 to the first token"
        case .tokensPerSecond: "speed"
        case .inFlight: "in flight"
        case .queued: "queue"
        }
    }

    /// The unit in which values up to this are easily read.
    fileprivate func unit(upTo value: Double) -> Unit {
        switch self {
        case .requests, .failedAttempts:
            value >= 10 ? Unit(1, " a second") : Unit(60, " a minute")
        case .errors: Unit(100, " %")
        case .durationP50, .durationP95, .durationP99, .firstTokenP50, .firstTokenP95:
            value < 1000 ? Unit(1, " ms") : value < 120_000 ? Unit(0.001, " s") : Unit(1 / 60_000, " min")
        case .tokensPerSecond: Unit(1, " tokens a second")
        case .inFlight, .queued: Unit(1, "")
        }
    }
}

/// A unit, and how many of it one is.
private struct Unit {
    let factor: Double
    let name: String

    init(_ factor: Double, _ name: String) {
        self.factor = factor
        self.name = name
    }

    func text(_ value: Double) -> String { Self.digits(value * factor) + name }

    func text(_ low: Double, to high: Double) -> String {
        let (low, high) = (Self.digits(low * factor), Self.digits(high * factor))
        return (low == high ? low : "\(low) to \(high)") + name
    }

    /// Two digits that count, and no more than are known.
    private static func digits(_ value: Double) -> String {
        guard value.isFinite, value > 0 else { return "0" }
        if value >= 100 {
            let step = pow(10, floor(log10(value)) - 1)
            return "\(((value / step).rounded() * step).whole(in: 0...Int(Int32.max)))"
        }
        if value >= 9.95 { return "\(value.whole(in: 0...100))" }
        let (steps, width) = value >= 0.095 ? (10, 1) : (100, 2)
        let parts = (value * Double(steps)).whole(in: 0...1000)
        let (whole, rest) = parts.quotientAndRemainder(dividingBy: steps)
        if rest == 0 { return "\(whole)" }
        return "\(whole)." + String(repeating: "0", count: width - "\(rest)".count) + "\(rest)"
    }
}
