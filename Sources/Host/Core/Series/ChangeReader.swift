/// Finds what is other in a window than in those before. Pure.
struct ChangeReader {
    private let source: SeriesSource
    private let now: Int64

    /// - Parameter now: Unix seconds.
    init(book: SeriesBook, now: Int64) {
        source = SeriesSource(book)
        self.now = SeriesWindow.sensible(now)
    }

    private var book: SeriesBook { source.book }

    /// A window's steps, in which series of which window, and the seconds in which the gateway ran.
    private struct Span {
        var numbers: Range<Int64>
        var awake: Double
    }

    /// What is known of a subject within a span.
    private struct Figures {
        var readings: [ChangeMetric: Reading] = [:]
        var requests: UInt64 = 0
    }

    func changes(_ query: ChangeQuery) -> SeriesChanges {
        let (window, selected) = choose(query)
        let spans = spans(window, selected)
        var result = SeriesChanges(
            from: selected.lowerBound * window.step, to: min(now, selected.upperBound * window.step),
            step: window.step)
        guard let chosen = spans.first, chosen.awake > 0, spans.count > 1 else { return result }
        result.before = spans.dropFirst().map { $0.numbers.lowerBound * window.step }
        var sum = PointSum()
        let all = volume(figures(of: SeriesSubject(parts: [.total]), window, spans, &sum, &result.quantileError))
        var found: [(change: SeriesChanges.Change, volume: Double)] = []
        for subject in subjects(query) {
            let figures = figures(of: subject, window, spans, &sum, &result.quantileError)
            found += judged(figures, subject, all: all, seconds: chosen.awake)
        }
        let changes = ChangeEchoes(found).heard.map(\.change).sorted(by: Self.isBefore)
        result.leftOut = max(0, changes.count - query.limit)
        result.changes = Array(changes.prefix(query.limit))
        return result
    }

    private static func isBefore(_ one: SeriesChanges.Change, _ other: SeriesChanges.Change) -> Bool {
        if one.score != other.score { return one.score > other.score }
        return (one.backend ?? "", one.model ?? "", one.metric.rawValue) < (
            other.backend ?? "", other.model ?? "", other.metric.rawValue
        )
    }

    // MARK: Windows

    /// The finest series that reach back far enough; else those that reach back furthest.
    private func choose(_ query: ChangeQuery) -> (SeriesWindow, Range<Int64>) {
        var best: (window: SeriesWindow, numbers: Range<Int64>, before: Int64)?
        for window in SeriesWindow.allCases {
            // Its steps are longer than what is asked for: finer ones tell more, even of less.
            if let best, best.before > 0, query.to - query.from < window.step { break }
            let first = query.from / window.step
            let kept = window.numbers(at: now)
            let end = min(kept.upperBound + 1, (query.to + window.step - 1) / window.step)
            guard first >= kept.lowerBound, end > first else { continue }
            let before = min(Int64(ChangeQuery.windowsBefore), (first - kept.lowerBound) / (end - first))
            if best.map({ before > $0.before }) ?? true { best = (window, first..<end, before) }
            if before == ChangeQuery.windowsBefore { break }
        }
        guard let best else {
            // Longer ago than anything that is kept.
            let first = query.from / SeriesWindow.day.step
            return (.day, first..<max(first + 1, query.to / SeriesWindow.day.step))
        }
        return (best.window, best.numbers)
    }

    /// The chosen one, then those before of which something is known, the newest first.
    private func spans(_ window: SeriesWindow, _ selected: Range<Int64>) -> [Span] {
        let reader = SeriesReader(source, now: now)
        let kept = window.numbers(at: now)
        var spans: [Span] = []
        for back in 0...Int64(ChangeQuery.windowsBefore) {
            let first = selected.lowerBound - back * Int64(selected.count)
            guard first >= kept.lowerBound else { break }
            let numbers = first..<(first + Int64(selected.count))
            let awake = numbers.reduce(0) { $0 + reader.awakeSeconds(window, $1) }
            if back == 0 || awake > 0 { spans.append(Span(numbers: numbers, awake: Double(awake))) }
        }
        return spans
    }

    private func subjects(_ query: ChangeQuery) -> [SeriesSubject] {
        var subjects: [SeriesSubject] = []
        if query.backend == nil, query.model == nil { subjects.append(SeriesSubject(parts: [.total])) }
        for (index, backend) in book.backends.enumerated()
        where query.model == nil && (query.backend == nil || backend.id == query.backend) {
            subjects.append(SeriesSubject(backend: backend.id, parts: [.backend(index)]))
        }
        for (index, pair) in book.pairs.enumerated()
        where (query.backend == nil || pair.key.backend == query.backend)
            && (query.model == nil || pair.key.model == query.model)
        {
            subjects.append(SeriesSubject(backend: pair.key.backend, model: pair.key.model, parts: [.pair(index)]))
        }
        return subjects
    }

    // MARK: Figures

    /// For each span.
    private func figures(
        of subject: SeriesSubject, _ window: SeriesWindow, _ spans: [Span], _ sum: inout PointSum,
        _ error: inout Double
    ) -> [Figures] {
        let gauges = subject.inFlight(in: book)
        let queued = subject.parts == [.total] ? book.queued : nil
        let knownFrom = subject.knownFrom(in: book)
        let chosen = spans[0].awake
        return spans.enumerated().map { place, span in
            // Before, some of it was counted with the others.
            if place > 0, span.numbers.lowerBound * window.step < knownFrom { return Figures() }
            sum.reset()
            for number in span.numbers { subject.add(window, number, of: source, to: &sum) }
            error = max(error, sum.error)
            var figures = Self.figures(sum, per: chosen / max(1, span.awake))
            figures.readings[.inFlight] = Self.level(gauges?[window], span)
            figures.readings[.queued] = Self.level(queued?[window], span)
            return figures
        }
    }

    /// - Parameter scale: to the time of the chosen window, in which counts are compared.
    private static func figures(_ sum: PointSum, per scale: Double) -> Figures {
        let (requests, answers) = (Double(sum.requests.value), Double(sum.durations.total))
        var figures = Figures(requests: sum.requests.value)
        figures.readings[.requests] = Reading(value: requests * scale, count: requests)
        figures.readings[.failedAttempts] = Reading(value: Double(sum.failedAttempts.value) * scale, count: requests)
        if requests > 0 {
            figures.readings[.errors] = Reading(value: Double(sum.errors.value) / requests, count: requests)
        }
        for (metric, share) in [(ChangeMetric.durationP50, 0.5), (.durationP95, 0.95), (.durationP99, 0.99)] {
            figures.readings[metric] = sum.durations.quantile(share).map { Reading(value: $0, count: answers) }
        }
        let tokens = Double(sum.firstTokens.total)
        for (metric, share) in [(ChangeMetric.firstTokenP50, 0.5), (.firstTokenP95, 0.95)] {
            figures.readings[metric] = sum.firstTokens.quantile(share).map { Reading(value: $0, count: tokens) }
        }
        figures.readings[.tokensPerSecond] = sum.tokensPerSecond.map { Reading(value: $0, count: answers) }
        return figures
    }

    private static func level(_ ring: StepRing<GaugeStep>?, _ span: Span) -> Reading? {
        guard let ring else { return nil }
        var (sum, samples) = (0.0, 0.0)
        for step in span.numbers.lazy.compactMap({ ring[$0] }) {
            sum += Double(step.sum)
            samples += Double(step.samples)
        }
        return samples > 0 ? Reading(value: sum / samples, count: samples) : nil
    }

    // MARK: Judging

    /// Requests of a subject: in the chosen window or before, whichever is more.
    private func volume(_ figures: [Figures]) -> Double {
        max(Double(figures[0].requests), ChangeScore.median(figures.dropFirst().map { Double($0.requests) }))
    }

    private func judged(
        _ figures: [Figures], _ subject: SeriesSubject, all: Double, seconds: Double
    ) -> [(change: SeriesChanges.Change, volume: Double)] {
        let volume = volume(figures)
        let weight = all > 0 ? max(0.1, min(1, volume / all).squareRoot()) : 1
        var best: [Int: SeriesChanges.Change] = [:]
        for metric in ChangeMetric.allCases {
            guard let chosen = figures[0].readings[metric] else { continue }
            let before = figures.dropFirst().compactMap { $0.readings[metric] }
            guard let distance = ChangeScore.distance(metric.scale, now: chosen, before: before) else { continue }
            let score = (distance * weight * 100).rounded() / 100
            if let other = best[metric.family], other.score >= score { continue }
            let unit = metric.isCount ? 1 / max(1, seconds) : 1
            best[metric.family] = SeriesChanges.Change(
                metric: metric, backend: subject.backend, model: subject.model, now: chosen.value * unit,
                before: before.map { $0.value * unit }, score: score, requests: figures[0].requests)
        }
        return best.values.map { ($0, volume) }
    }
}

extension ChangeMetric {
    /// It is judged by how many there were, and told by how many a second.
    fileprivate var isCount: Bool { self == .requests || self == .failedAttempts }

    /// Answers of one model take times whose logarithms scatter by about a half.
    var scale: ChangeScore.Scale {
        switch self {
        case .requests, .failedAttempts: .count
        case .errors: .share
        case .durationP50, .firstTokenP50, .tokensPerSecond: .ratio(scatter: 0.65, least: 3)
        case .durationP95, .firstTokenP95: .ratio(scatter: 1.05, least: 5)
        case .durationP99: .ratio(scatter: 1.9, least: 100)
        case .inFlight, .queued: .level
        }
    }
}
