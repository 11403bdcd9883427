import Core

/// What a study of the strategies runs: some backends, and who asks them. Everything in it follows from a seed.
public struct StudyScenario: Sendable {
    /// What is out of the ordinary in it.
    enum Trouble: Sendable {
        case none
        /// For 5 of 30 seconds four times as much is asked, and each backend runs as many at once as it has places.
        case bursts
        /// A fifth of the backends cannot be reached for a third of the time.
        case deaths
        /// A fifth of the backends restarts after a quarter of the time, and is five times as slow for a minute.
        case slowStarts
        /// Each backend runs as many at once as it has places, however much is asked.
        case limits
        /// Several models, of which each backend has two in its memory and room for no more.
        case models
    }

    public let name: String
    let backends: Int
    let trouble: Trouble
    /// Virtual seconds in which requests come.
    let seconds: Int
    /// Of what all backends together can do, how much is asked.
    let share: Double

    init(_ name: String, _ backends: Int, _ trouble: Trouble = .none, seconds: Int, share: Double = 0.6) {
        self.name = name
        self.backends = backends
        self.trouble = trouble
        self.seconds = seconds
        self.share = share
    }

    public static let all: [StudyScenario] =
        [2, 5, 50].flatMap { count -> [StudyScenario] in
            let seconds = count > 5 ? 90 : count > 2 ? 400 : 1200
            return [
                StudyScenario("unequal speed", count, seconds: seconds),
                StudyScenario("bursts", count, .bursts, seconds: seconds, share: 0.4),
                StudyScenario("deaths", count, .deaths, seconds: seconds, share: 0.5),
                StudyScenario("slow starts", count, .slowStarts, seconds: seconds, share: 0.5),
                StudyScenario("models, unevenly loaded", count, .models, seconds: seconds, share: 0.3),
            ]
        } + [
            StudyScenario("unequal speed", 1000, seconds: 12)
        ]

    /// Short ones, for a test.
    public static let few: [StudyScenario] = [2, 5].flatMap { count in
        [
            StudyScenario("unequal speed", count, seconds: 300),
            StudyScenario("bursts", count, .bursts, seconds: 300, share: 0.4),
            StudyScenario("deaths", count, .deaths, seconds: 300, share: 0.5),
            StudyScenario("models, unevenly loaded", count, .models, seconds: 300, share: 0.3),
        ]
    }

    /// Of so many runs, each with a fleet of its own, the figures come: of few backends each drawn fleet is another case.
    var runs: UInt64 { backends > 50 ? 1 : backends > 5 ? 2 : backends > 2 ? 8 : 24 }

    public var title: String { "\(name), \(backends) backends" }
    /// Models are loaded unevenly in it.
    public var isOfModels: Bool { trouble == .models }
    /// Nothing happens in it but that requests come.
    var isSteady: Bool { trouble == .none }

    /// Seconds that the gateway's limit of time for the first of an answer must not be below.
    static let loadSeconds = 20.0

    /// There is room for each of them, and for the ones that are asked for most several times.
    var models: [String] { (0..<(isOfModels ? min(24, backends + 1) : 1)).map { "model-\($0)" } }

    /// One backend, as it is drawn.
    struct Backend: Sendable {
        /// 1: writes 40 tokens a second for each of its requests.
        var speed: Double
        var slots: Int
        var limit: Int?
        var models: [String]
        var loaded: [String]
        /// Models that it can have loaded at once.
        var room: Int
        /// Seconds since the start, between which it cannot be reached.
        var down: ClosedRange<Double>?
        /// Until when it is five times as slow.
        var slowUntil: Double = 0
    }

    struct Request: Sendable {
        /// Seconds since the start.
        var time: Double
        var model: String
        var promptTokens: Double
        var answerTokens: Double
    }

    // MARK: Drawing

    func draw(seed: UInt64) -> (backends: [Backend], requests: [Request]) {
        var random = SeededRandom(seed: seed &* 1_000_003 &+ UInt64(backends))
        var all: [Backend] = []
        for index in 0..<backends { all.append(backend(index, &random)) }
        return (all, requests(for: all, &random))
    }

    private func backend(_ index: Int, _ random: inout SeededRandom) -> Backend {
        // From one to eight, so that a fast one is worth several slow ones.
        let speed = Double.random(in: 0...3, using: &random)
        let slots = Int.random(in: 1...4, using: &random)
        let length = Double(seconds)
        let models = models
        var backend = Backend(
            speed: 0.5 * power(speed), slots: slots, limit: trouble == .bursts || trouble == .limits ? slots : nil,
            models: models,
            loaded: models, room: isOfModels ? 2 : 1)
        if isOfModels {
            backend.loaded = Array(models.shuffled(using: &random).prefix(2))
        }
        switch trouble {
        case .deaths where index % 5 == 1: backend.down = length / 3...length * 2 / 3
        case .slowStarts where index % 5 == 1:
            backend.down = length / 4...length / 4 + 10
            backend.slowUntil = length / 4 + 70
        default: break
        }
        return backend
    }

    /// Two to this power, without a library whose last digit may differ.
    private func power(_ exponent: Double) -> Double {
        let whole = exponent.rounded(.down)
        var result = 1 + (exponent - whole)
        for _ in 0..<Int(whole) { result *= 2 }
        return result
    }

    /// Tokens a second that a place of speed 1 writes, and reads.
    static let writes = 40.0
    static let reads = 1500.0
    private static let meanPrompt = 800.0
    private static let meanAnswer = 160.0

    private func requests(for backends: [Backend], _ random: inout SeededRandom) -> [Request] {
        // What a place does in a second, of requests of the mean size.
        let one = Self.meanPrompt / Self.reads + Self.meanAnswer / Self.writes
        let rate = share * backends.reduce(0) { $0 + $1.speed * Double($1.slots) } / one
        let models = models
        var requests: [Request] = []
        var time = 5.0
        while true {
            let isBurst = trouble == .bursts && Int(time) % 30 >= 25
            time += exponential(1 / (rate * (isBurst ? 4 : 1)), &random)
            guard time < Double(seconds) else { return requests }
            requests.append(
                Request(
                    time: time, model: model(models, &random),
                    promptTokens: max(20, exponential(Self.meanPrompt, &random)),
                    answerTokens: max(5, exponential(Self.meanAnswer, &random))))
        }
    }

    /// Half of the requests are for the first, a quarter for the second, and so on.
    private func model(_ models: [String], _ random: inout SeededRandom) -> String {
        var index = 0
        while index < models.count - 1, Bool.random(using: &random) { index += 1 }
        return models[index]
    }

    private func exponential(_ mean: Double, _ random: inout SeededRandom) -> Double {
        let unit = Double.random(in: Double.leastNormalMagnitude..<1, using: &random)
        return -mean * naturalLogarithm(unit)
    }
}
