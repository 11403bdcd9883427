/// Makes series out of minutes that are kept, step by step, so that a month takes no more memory than one step of what is told. Pure.
public struct StoredSeries {
    /// How much there is in the window of one that could be told of.
    public struct Volume: Sendable, Equatable {
        /// A backend's id or a model's name, as the query groups; empty: of all.
        public var name: String
        public var requests: UInt64
        public var failedAttempts: UInt64

        public init(name: String, requests: UInt64, failedAttempts: UInt64) {
            self.name = name
            self.requests = requests
            self.failedAttempts = failedAttempts
        }
    }

    private let query: SeriesQuery
    private let numbers: ClosedRange<Int64>
    private let step: Int64
    private var list: SeriesList
    /// The place of each that is told of.
    private var places: [String: Int] = [:]
    private var sums: [PointSum]
    private var open: Int64
    /// The step in which the first minute lies that is kept at all; nil: there is none.
    private let firstKnown: Int64?

    /// - Parameters:
    ///   - query: its own window does not count.
    ///   - volumes: all that the window has, each name once.
    ///   - firstMinute: that is kept at all, since 1970; nil: there is none.
    ///   - now: Unix seconds.
    public init(
        _ query: SeriesQuery, over window: StoredWindow, volumes: [Volume], firstMinute: Int64?, now: Int64
    ) {
        self.query = query
        step = window.step
        let now = SeriesWindow.sensible(now)
        let numbers = window.numbers(at: now)
        self.numbers = numbers
        open = numbers.lowerBound
        let firstKnown = firstMinute.map { min(max($0, 0), 1 << 40) * 60 / window.step }
        self.firstKnown = firstKnown
        list = SeriesList(
            window: window.rawValue, step: window.step, from: numbers.lowerBound * window.step, to: now,
            metrics: query.metrics)
        list.awakeSeconds = numbers.map { number in
            guard let firstKnown, number >= firstKnown else { return 0 }
            return Int(min(window.step, max(1, now - number * window.step + 1)))
        }
        let shown = query.grouping == .total ? [Self.all(volumes)] : volumes.sorted { Self.isBefore($0, $1, query) }
        list.leftOut = max(0, shown.count - query.limit)
        for volume in shown.prefix(query.limit) {
            places[volume.name] = list.rows.count
            list.rows.append(Self.row(volume, query))
        }
        sums = Array(repeating: PointSum(), count: list.rows.count)
    }

    private static func all(_ volumes: [Volume]) -> Volume {
        volumes.reduce(into: Volume(name: "", requests: 0, failedAttempts: 0)) { all, each in
            all.requests &+= each.requests
            all.failedAttempts &+= each.failedAttempts
        }
    }

    /// The most asked first; what has no name of its own last.
    private static func isBefore(_ one: Volume, _ other: Volume, _ query: SeriesQuery) -> Bool {
        let (isRest, otherIsRest) = (isRest(one, query), isRest(other, query))
        if isRest != otherIsRest { return otherIsRest }
        return one.requests != other.requests ? one.requests > other.requests : one.name < other.name
    }

    private static func isRest(_ volume: Volume, _ query: SeriesQuery) -> Bool {
        query.grouping == .model && volume.name == Statistics.otherName
    }

    private static func row(_ volume: Volume, _ query: SeriesQuery) -> SeriesList.Row {
        var row = SeriesList.Row(backend: query.backend, model: query.model, requests: volume.requests)
        row.isRest = isRest(volume, query)
        switch query.grouping {
        case .total: break
        case .backend: row.backend = volume.name
        case .model: row.model = row.isRest ? nil : volume.name
        }
        row.values = Array(repeating: [], count: query.metrics.count)
        return row
    }

    /// Takes the figures of a minute within the window; minutes come in their order.
    public mutating func add(_ minute: KeptMinute, of key: KeptMinute.Key) {
        let number = key.minute * 60 / step
        guard numbers.contains(number) else { return }
        close(upTo: number)
        let name =
            switch query.grouping {
            case .total: ""
            case .backend: key.backend
            case .model: key.model
            }
        if let place = places[name] { sums[place].add(minute) }
    }

    /// The series; to be called once, at the end.
    public mutating func finish() -> SeriesList {
        close(upTo: numbers.upperBound + 1)
        return list
    }

    private mutating func close(upTo number: Int64) {
        while open < number {
            let isKnown = firstKnown.map { open >= $0 } ?? false
            for place in sums.indices {
                list.quantileError = max(list.quantileError, sums[place].error)
                for (index, metric) in query.metrics.enumerated() {
                    list.rows[place].values[index].append(isKnown ? sums[place].value(metric) : nil)
                }
                sums[place].reset()
            }
            open += 1
        }
    }
}
