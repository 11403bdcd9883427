import Core

/// Answers what is asked of series: as they are, and what changed in them.
struct SeriesAnswers {
    let state: GatewayState

    /// `GET /v1/series`.
    func list(_ query: String) -> LocalAnswer {
        do throws(ErrorBody) {
            let query = try seriesQuery(query)
            let list = state.series.list(query, now: Clock.wallSeconds())
            return LocalAnswer(body: ContractEncoder.series(list, names: names))
        } catch {
            return .error(error)
        }
    }

    /// `GET /v1/series/compare`.
    func compare(_ query: String) -> LocalAnswer {
        do throws(ErrorBody) {
            let now = Clock.wallSeconds()
            let query = try changeQuery(query, now: now)
            return LocalAnswer(body: ContractEncoder.changes(state.series.changes(query, now: now), names: names))
        } catch {
            return .error(error)
        }
    }

    /// Of backends, by id.
    private var names: [String: String] {
        Dictionary(state.registry.views.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
    }

    // MARK: Reading the query

    private func seriesQuery(_ text: String) throws(ErrorBody) -> SeriesQuery {
        let values = try Self.values(text, among: ["window", "by", "backend", "model", "metrics", "limit"])
        var query = SeriesQuery()
        if let name = values["window"] {
            guard let window = SeriesWindow(name: name) else {
                throw .series("window must be \(Self.words(SeriesWindow.allCases.map(\.name))).", "window")
            }
            query.window = window
        }
        if let name = values["by"] {
            guard let grouping = SeriesQuery.Grouping(rawValue: name) else {
                throw .series("by must be \(Self.words(SeriesQuery.Grouping.allCases.map(\.rawValue))).", "by")
            }
            query.grouping = grouping
        }
        (query.backend, query.model) = (try backend(values), try model(values))
        if let names = values["metrics"] { query.metrics = try Self.metrics(names) }
        query.limit = try Self.limit(values, query.limit, most: SeriesQuery.mostSeries)
        return query
    }

    private func changeQuery(_ text: String, now: Int64) throws(ErrorBody) -> ChangeQuery {
        let values = try Self.values(text, among: ["from", "to", "backend", "model", "limit"])
        let (from, to) = (try Self.instant("from", values), try Self.instant("to", values))
        guard from < to else { throw .series("from must lie before to.", "from") }
        guard from <= now else { throw .series("from lies ahead: the gateway's clock shows \(now).", "from") }
        let earliest = SeriesWindow.day.earliest(at: now)
        guard from >= earliest else {
            throw .series("from must be \(earliest) or later: series go back 24 hours.", "from")
        }
        var query = ChangeQuery(from: from, to: min(to, now + 1))
        (query.backend, query.model) = (try backend(values), try model(values))
        query.limit = try Self.limit(values, query.limit, most: ChangeQuery.mostChanges)
        return query
    }

    /// By name; an error names the first that is not known.
    private static func values(_ query: String, among known: [String]) throws(ErrorBody) -> [String: String] {
        var values: [String: String] = [:]
        for (name, value) in QueryValues(query).all {
            guard known.contains(name) else {
                throw .series(
                    "'\(EntryLimits.cutBytes(name, to: 60))' is no parameter of this route. It takes "
                        + "\(words(known, last: "and")).", EntryLimits.cutBytes(name, to: 60))
            }
            values[name] = value
        }
        return values
    }

    private func backend(_ values: [String: String]) throws(ErrorBody) -> String? {
        guard let id = values["backend"] else { return nil }
        let views = state.registry.views
        if let view = views.first(where: { $0.id == id }) ?? views.first(where: { $0.name == id }) { return view.id }
        guard state.series.knows(backend: id) else {
            throw ErrorBody(
                status: 404,
                message: "There is no backend '\(EntryLimits.cutBytes(id, to: 200))', and no figures of one. "
                    + "GET /v1/backends lists those there are.", param: "backend", code: "backend_not_found")
        }
        return id
    }

    private func model(_ values: [String: String]) throws(ErrorBody) -> String? {
        guard let name = values["model"] else { return nil }
        guard state.registry.snapshot.holders[name] != nil || state.series.knows(model: name) else {
            throw ErrorBody(
                status: 404,
                message: "No backend has a model '\(EntryLimits.cutBytes(name, to: 200))', and there are no figures of "
                    + "one. GET /v1/models lists those there are; an alias is counted for the model it stands for.",
                param: "model", code: "model_not_found")
        }
        return name
    }

    private static func metrics(_ names: String) throws(ErrorBody) -> [SeriesMetric] {
        var metrics: [SeriesMetric] = []
        for name in names.split(separator: ",", omittingEmptySubsequences: false) {
            guard let metric = SeriesMetric(rawValue: String(name)) else {
                throw .series(
                    "'\(EntryLimits.cutBytes(String(name), to: 60))' is no metric. metrics takes these, with commas: "
                        + "\(words(SeriesMetric.allCases.map(\.rawValue), last: "and")).", "metrics")
            }
            if !metrics.contains(metric) { metrics.append(metric) }
        }
        return metrics
    }

    private static func limit(
        _ values: [String: String], _ usual: Int, most: Int
    ) throws(ErrorBody) -> Int {
        guard let text = values["limit"] else { return usual }
        guard let limit = Int(text), (1...most).contains(limit) else {
            throw .series("limit must be a number from 1 to \(most).", "limit")
        }
        return limit
    }

    private static func instant(_ name: String, _ values: [String: String]) throws(ErrorBody) -> Int64 {
        guard let text = values[name], let seconds = Int64(text), seconds >= 0 else {
            throw .series("\(name) must be a time in whole Unix seconds, such as 1767225600.", name)
        }
        return seconds
    }

    private static func words(_ names: [String], last: String = "or") -> String {
        guard names.count > 1, let end = names.last else { return names.first ?? "" }
        return names.dropLast().joined(separator: ", ") + " \(last) \(end)"
    }
}

extension ErrorBody {
    fileprivate static func series(_ message: String, _ param: String) -> ErrorBody {
        ErrorBody(status: 400, message: message, param: param, code: "invalid_argument")
    }
}
