import JSON

/// The JSON of series.
extension ContractEncoder {
    /// `GET /v1/series`.
    /// - Parameter names: of backends, by id.
    public static func series(_ list: SeriesList, names: [String: String]) -> [UInt8] {
        var json = JSONWriter(capacity: 512 + list.rows.count * list.metrics.count * list.awakeSeconds.count * 5)
        json.beginObject()
        json.key("object")
        json.string("series")
        json.key("window")
        json.string(list.window)
        json.key("from")
        json.integer(list.from)
        json.key("to")
        json.integer(list.to)
        json.key("step_seconds")
        json.integer(list.step)
        json.key("awake_seconds")
        json.beginArray()
        for seconds in list.awakeSeconds { json.integer(seconds) }
        json.endArray()
        json.key("quantile_error")
        json.number((list.quantileError * 1000).rounded(.up) / 1000)
        json.key("left_out")
        json.integer(list.leftOut)
        json.key("folded")
        json.integer(list.folded)
        json.key("series")
        json.beginArray()
        for row in list.rows { write(row, list.metrics, names, to: &json) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    private static func write(
        _ row: SeriesList.Row, _ metrics: [SeriesMetric], _ names: [String: String], to json: inout JSONWriter
    ) {
        json.beginObject()
        writeSubject(row.backend, row.model, names, to: &json)
        json.key("rest")
        json.bool(row.isRest)
        json.key("requests")
        json.integer(row.requests)
        json.key("values")
        json.beginObject()
        for (metric, values) in zip(metrics, row.values) {
            json.key(metric.rawValue)
            json.beginArray()
            for value in values {
                if let value { json.number(readable(value)) } else { json.null() }
            }
            json.endArray()
        }
        json.endObject()
        json.endObject()
    }

    private static func writeSubject(
        _ backend: String?, _ model: String?, _ names: [String: String], to json: inout JSONWriter
    ) {
        json.key("backend_id")
        write(backend, to: &json)
        json.key("backend")
        write(backend.map { names[$0] ?? $0 }, to: &json)
        json.key("model")
        write(model, to: &json)
    }

    /// No more digits than mean something.
    private static func readable(_ value: Double) -> Double {
        value.rounded() == value || abs(value) >= 1000
            ? value.rounded() : abs(value) >= 10 ? (value * 10).rounded() / 10 : (value * 100).rounded() / 100
    }

    /// `GET /v1/series/compare`.
    /// - Parameter names: of backends, by id.
    public static func changes(_ changes: SeriesChanges, names: [String: String]) -> [UInt8] {
        var json = JSONWriter(capacity: 512 + changes.changes.count * 400)
        json.beginObject()
        json.key("object")
        json.string("series.changes")
        json.key("from")
        json.integer(changes.from)
        json.key("to")
        json.integer(changes.to)
        json.key("step_seconds")
        json.integer(changes.step)
        json.key("before")
        json.beginArray()
        for begin in changes.before { json.integer(begin) }
        json.endArray()
        json.key("quantile_error")
        json.number((changes.quantileError * 1000).rounded(.up) / 1000)
        json.key("left_out")
        json.integer(changes.leftOut)
        json.key("data")
        json.beginArray()
        for change in changes.changes { write(change, names, to: &json) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    private static func write(
        _ change: SeriesChanges.Change, _ names: [String: String], to json: inout JSONWriter
    ) {
        let words = ChangeWords(change)
        json.beginObject()
        json.key("text")
        json.string(words.text(model: change.model, backend: change.backend.map { names[$0] ?? $0 }))
        json.key("metric")
        json.string(change.metric.rawValue)
        writeSubject(change.backend, change.model, names, to: &json)
        json.key("value")
        json.number(exact(change.now))
        json.key("values_before")
        json.beginArray()
        for value in change.before { json.number(exact(value)) }
        json.endArray()
        json.key("score")
        json.number(change.score)
        json.key("requests")
        json.integer(change.requests)
        for (key, text) in [("what", words.what), ("now", words.now), ("usual", words.before)] {
            json.key(key)
            json.string(text)
        }
        json.endObject()
    }

    private static func exact(_ value: Double) -> Double {
        abs(value) >= 100 ? value.rounded() : (value * 10_000).rounded() / 10_000
    }
}
