import Core
import Store

/// Answers what is asked of series: as they are, and what changed in them.
struct SeriesAnswers {
    let state: GatewayState

    /// `GET /v1/series`.
    func list(_ query: String) -> LocalAnswer {
        do throws(ErrorBody) {
            let (query, window) = try seriesQuery(query)
            let now = Clock.wallSeconds()
            let list = try window.map { (window) throws(ErrorBody) in try stored(query, over: window, now: now) }
            return LocalAnswer(
                body: ContractEncoder.series(list ?? state.series.list(query, now: now), names: names))
        } catch {
            return .error(error)
        }
    }

    /// Out of the history's file.
    private func stored(_ query: SeriesQuery, over window: StoredWindow, now: Int64) throws(ErrorBody) -> SeriesList {
        guard let store = state.store else {
            throw .noStore(
                "Figures of a \(window.rawValue) are kept in the history's file, and there is none ([history] database)."
            )
        }
        let list: SeriesList?
        do throws(StoreProblem) {
            list = try store.series(query, over: window, now: now)
        } catch {
            throw error == .tooSlow
                ? ErrorBody(
                    status: 503,
                    message:
                        "The figures of a \(window.rawValue) are not made: \(error). Ask for a shorter window, for "
                        + "metrics without quantiles, or for one backend.",
                    type: "service_unavailable_error", code: "history_unavailable")
                : .noStore("The history's file cannot be read: \(error).")
        }
        guard let list else { throw .overloaded }
        guard list.rows.contains(where: { $0.requests > 0 }) else {
            // Nothing was asked of it; is there such a one at all?
            if let id = query.backend { _ = try backend(["backend": id]) }
            if let name = query.model { _ = try model(["model": name]) }
            return list
        }
        return list
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

    /// - Returns: with a window out of the file, or the query's own.
    private func seriesQuery(_ text: String) throws(ErrorBody) -> (SeriesQuery, StoredWindow?) {
        let values = try Self.values(text, among: ["window", "by", "backend", "model", "metrics", "limit"])
        var query = SeriesQuery()
        var stored: StoredWindow?
        if let name = values["window"] {
            stored = StoredWindow(rawValue: name)
            guard let window = stored == nil ? SeriesWindow(name: name) : .hour else {
                let names = SeriesWindow.allCases.map(\.name) + StoredWindow.allCases.map(\.rawValue)
                throw .series("window must be \(Self.words(names)).", "window")
            }
            query.window = window
        }
        if let name = values["by"] {
            guard let grouping = SeriesQuery.Grouping(rawValue: name) else {
                throw .series("by must be \(Self.words(SeriesQuery.Grouping.allCases.map(\.rawValue))).", "by")
            }
            query.grouping = grouping
        }
        if stored == nil {
            (query.backend, query.model) = (try backend(values), try model(values))
        } else {
            // The file knows some that are gone.
            (query.backend, query.model) = (values["backend"].map(id), values["model"])
        }
        if let names = values["metrics"] { query.metrics = try Self.metrics(names) }
        query.limit = try Self.limit(values, query.limit, most: SeriesQuery.mostSeries)
        return (query, stored)
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
                    "'\(QueryValues.shown(name))' is no parameter of this route. It takes "
                        + "\(words(known, last: "and")).", EntryLimits.cutBytes(name, to: 60))
            }
            values[name] = value
        }
        return values
    }

    /// Of the backend with that id or name, where there is one.
    private func id(_ text: String) -> String {
        let views = state.registry.views
        return views.first { $0.id == text || $0.name == text }?.id ?? text
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
