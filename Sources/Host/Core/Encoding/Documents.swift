import JSON

/// The JSON of everything that the gateway shows of itself, names and order as the contract of the dashboard has them:
/// bodies of its read-only routes and the data of the page. Messages of `/ws` are `UpdateEncoder`'s. Pure functions;
/// callable from any thread.
public enum ContractEncoder {
    /// `GET /v1/history`: the entries in the order given.
    public static func history(_ entries: [HistoryEntry]) -> [UInt8] {
        var json = JSONWriter(capacity: 64 + entries.count * 384)
        write(entries, to: &json)
        return json.bytes
    }

    /// `GET /v1/stats`.
    public static func statistics(_ statistics: Statistics) -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        write(statistics, to: &json)
        return json.bytes
    }

    /// `GET /v1/backends`: `{"object":"list","data":[BackendView]}`, every view whole, in the order given.
    /// - Parameter withModels: false: `truncated` says how many models of each are left out.
    public static func backends(_ views: [BackendView], withModels: Bool = true) -> [UInt8] {
        var json = JSONWriter(capacity: 4096)
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("data")
        json.beginArray()
        for view in views {
            if withModels || view.models.isEmpty {
                write(view, to: &json)
                continue
            }
            var (short, omitted) = (view, Omissions())
            short.models = []
            omitted.note("models", count: view.models.count)
            write(short, omitted: omitted, to: &json)
        }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    /// One whole `BackendView`, as it stands in the list of `GET /v1/backends`.
    public static func backend(_ view: BackendView) -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        write(view, to: &json)
        return json.bytes
    }

    /// What the page is born with: `{"stats":…, "models":…, "backends":…, "history":…}`, escaped so that it may stand
    /// in an HTML script element. `models` is the object of `GET /v1/models`; no list of models in it is longer than `modelLimit`; views are
    /// as small as in a message, so that a vast fleet does not make a vast page.
    public static func pageData(
        statistics: Statistics, backends: [BackendView], history: [HistoryEntry], modelLimit: Int = 2000
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 16_384, escapingForHTML: true)
        var statistics = statistics
        statistics.models = Array(statistics.models.prefix(modelLimit))
        statistics.formerModels = Array(statistics.formerModels.prefix(modelLimit))
        // The page does not show it.
        (statistics.quality, statistics.qualityOmitted) = ([], 0)
        json.beginObject()
        json.key("stats")
        write(statistics, to: &json)
        json.key("models")
        writeModelList(ServedModel.all(backends).prefix(modelLimit), to: &json)
        json.key("backends")
        json.beginArray()
        for view in backends {
            let fitted = UpdateEncoder.fit(view, limit: UpdateEncoder.messageLimit)
            write(fitted.view, omitted: fitted.omitted, to: &json)
        }
        json.endArray()
        json.key("history")
        write(history, to: &json)
        json.endObject()
        return json.bytes
    }

    private static func write(_ entries: [HistoryEntry], to json: inout JSONWriter) {
        json.beginArray()
        for entry in entries { write(entry, to: &json) }
        json.endArray()
    }
}
