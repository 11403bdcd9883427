/// How long a backend took to answer with a model (`ModelStanding.answerTime`), as it is kept for the next run of the gateway. A
/// value.
struct KeptAnswerTimes: Sendable, Equatable {
    /// In so many seconds half of a mean is forgotten, so that a server which was slow once is tried again.
    static let halfLife = 600.0
    /// Milliseconds that are believed: a day.
    private static let longest = 86_400_000.0

    /// Milliseconds; 0: not known.
    var stream: Double
    var whole: Double

    var isEmpty: Bool { stream <= 0 && whole <= 0 }

    init(stream: Double, whole: Double) {
        self.stream = Self.believed(stream)
        self.whole = Self.believed(whole)
    }

    /// As they are by now: they fade while no gateway runs, too. Nil: it is something else.
    /// - Parameters:
    ///   - figure: may come from a file that anybody wrote.
    ///   - wall: Unix seconds.
    init?(_ figure: KeptFigure, wall: Int64) {
        guard figure.scope == .answerTime, figure.numbers.count == 3 else { return nil }
        let age = max(0, Double(wall) - figure.numbers[2])
        guard age.isFinite else { return nil }
        let left = 1 / (1 + age / Self.halfLife)
        self.init(stream: figure.numbers[0] * left, whole: figure.numbers[1] * left)
    }

    func kept(of pair: KeptPair, wall: Int64) -> KeptFigure {
        KeptFigure(scope: .answerTime, name: pair.name, numbers: [stream, whole, Double(wall)])
    }

    private static func believed(_ milliseconds: Double) -> Double {
        milliseconds > 0 && milliseconds <= longest ? milliseconds : 0
    }
}
