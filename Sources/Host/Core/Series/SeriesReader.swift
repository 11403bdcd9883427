/// Makes the series that are wanted out of what is kept. Pure.
struct SeriesReader {
    private let source: SeriesSource
    private let now: Int64

    /// - Parameter now: Unix seconds.
    init(book: SeriesBook, now: Int64) {
        self.init(SeriesSource(book), now: now)
    }

    init(_ source: SeriesSource, now: Int64) {
        self.source = source
        self.now = SeriesWindow.sensible(now)
    }

    private var book: SeriesBook { source.book }

    func list(_ query: SeriesQuery) -> SeriesList {
        let numbers = query.window.numbers(at: now)
        var list = SeriesList(
            window: query.window.name, step: query.window.step, from: numbers.lowerBound * query.window.step, to: now,
            metrics: query.metrics)
        list.folded = book.folded
        list.awakeSeconds = numbers.map { awakeSeconds(query.window, $0) }
        let found = subjects(query).map { (subject: $0, volume: $0.volume(query.window, numbers, of: source)) }
            .filter { isShown($0.subject, $0.volume, query) }
            .sorted { Self.isBefore($0, $1) }
        list.leftOut = max(0, found.count - query.limit)
        var sum = PointSum()
        for (subject, volume) in found.prefix(query.limit) {
            var row = SeriesList.Row(
                backend: subject.backend, model: subject.model, isRest: subject.isRest, requests: volume.requests)
            row.values = values(of: subject, numbers, query, known: list.awakeSeconds, sum: &sum, &list.quantileError)
            list.rows.append(row)
        }
        return list
    }

    /// The most asked first; what has no name of its own last.
    private static func isBefore(
        _ one: (subject: SeriesSubject, volume: SeriesSubject.Volume),
        _ other: (subject: SeriesSubject, volume: SeriesSubject.Volume)
    ) -> Bool {
        if one.subject.isRest != other.subject.isRest { return other.subject.isRest }
        if one.volume.requests != other.volume.requests { return one.volume.requests > other.volume.requests }
        return (one.subject.backend ?? "", one.subject.model ?? "") < (
            other.subject.backend ?? "", other.subject.model ?? ""
        )
    }

    /// Seconds of a step in which the gateway ran.
    func awakeSeconds(_ window: SeriesWindow, _ number: Int64) -> Int {
        let step = Int(window.step)
        let looks = book.inFlight[window][number].map { Int($0.samples) } ?? 0
        // A second that nobody looked at now and then is one with much to do.
        let whole = Int(min(window.step, max(1, now - number * window.step + 1)))
        if looks * 10 >= whole * 9 { return whole }
        if looks > 0 { return min(looks, step) }
        var sum = PointSum()
        source.forEachOfAll(window, number) { sum.add($0) }
        return sum.isUsed ? 1 : 0
    }

    private func isShown(
        _ subject: SeriesSubject, _ volume: SeriesSubject.Volume, _ query: SeriesQuery
    ) -> Bool {
        if query.grouping == .total || volume.isUsed { return true }
        // What was asked for by name, and every backend, also without a request.
        if subject.isRest { return false }
        return query.grouping == .backend ? query.model == nil : query.model != nil
    }

    /// What the series are about.
    func subjects(_ query: SeriesQuery) -> [SeriesSubject] {
        switch query.grouping {
        case .total:
            return [SeriesSubject(backend: query.backend, model: query.model, parts: parts(query))]
        case .backend where query.model == nil:
            var subjects = book.backends.indices
                .filter { query.backend == nil || book.backends[$0].id == query.backend }
                .map { SeriesSubject(backend: book.backends[$0].id, parts: [.backend($0)]) }
            if query.backend == nil { subjects.append(SeriesSubject(isRest: true, parts: [.otherBackends])) }
            return subjects
        case .backend:
            return pairs(query).map {
                SeriesSubject(backend: book.pairs[$0].key.backend, model: query.model, parts: [.pair($0)])
            }
        case .model:
            var subjects = Dictionary(grouping: pairs(query)) { book.pairs[$0].key.model }.map { model, indices in
                SeriesSubject(backend: query.backend, model: model, parts: indices.map { .pair($0) })
            }
            if query.model == nil, query.backend == nil {
                subjects.append(SeriesSubject(isRest: true, parts: [.otherPairs]))
            }
            return subjects
        }
    }

    private func parts(_ query: SeriesQuery) -> [SeriesSubject.Part] {
        if query.model != nil { return pairs(query).map { .pair($0) } }
        guard let backend = query.backend else { return [.total] }
        return book.backends.firstIndex { $0.id == backend }.map { [.backend($0)] } ?? []
    }

    /// The pairs that a query leaves.
    private func pairs(_ query: SeriesQuery) -> [Int] {
        book.pairs.indices.filter { index in
            let key = book.pairs[index].key
            return (query.model == nil || key.model == query.model)
                && (query.backend == nil || key.backend == query.backend)
        }
    }

    private func values(
        of subject: SeriesSubject, _ numbers: ClosedRange<Int64>, _ query: SeriesQuery, known: [Int],
        sum: inout PointSum, _ error: inout Double
    ) -> [[Double?]] {
        let knownFrom = subject.knownFrom(in: book)
        let inFlight = subject.inFlight(in: book)
        let queued = subject.parts == [.total] ? book.queued : nil
        var values = [[Double?]](repeating: [], count: query.metrics.count)
        for (index, number) in numbers.enumerated() {
            sum.reset()
            subject.add(query.window, number, of: source, to: &sum)
            error = max(error, sum.error)
            // Before, some of it was counted with the others.
            let isKnown = known[index] > 0 && (number + 1) * query.window.step > knownFrom
            for (place, metric) in query.metrics.enumerated() {
                let value: Double? =
                    switch metric {
                    case .inFlight: inFlight?[query.window][number]?.mean
                    case .inFlightMost: Self.most(inFlight?[query.window][number])
                    case .queued: queued?[query.window][number]?.mean
                    case .queuedMost: Self.most(queued?[query.window][number])
                    default: isKnown ? sum.value(metric) : nil
                    }
                values[place].append(value)
            }
        }
        return values
    }

    private static func most(_ step: GaugeStep?) -> Double? {
        guard let step, step.samples > 0 else { return nil }
        return Double(step.highest)
    }
}
