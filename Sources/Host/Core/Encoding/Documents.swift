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

    /// How much of the fleet's models the page is born with: what is seen at first. Its script asks for the whole lists besides.
    public enum PageDataLimits {
        /// Models of all backends together, and those that are served.
        public static let models = 200
        /// Models in the figures.
        public static let figures = 500
        /// Bytes of JSON for the models of all backends together, of which the longest lists lose first.
        static let modelBytes = 65_536
    }

    /// What the page is born with: `{"stats":…, "models":…, "backends":…, "history":…}`, escaped so that it may stand
    /// in an HTML script element. `models` is the object of `GET /v1/models`. Lists of models of a vast fleet are cut, so that it does
    /// not make a vast page: what they belong to says in `truncated` how many are missing, as in a message of `/ws`.
    public static func pageData(
        statistics: Statistics, backends: [BackendView], history: [HistoryEntry]
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 16_384, escapingForHTML: true)
        var statistics = statistics
        var omitted = Omissions()
        omitted.note("models", count: statistics.models.count - PageDataLimits.figures)
        omitted.note("former_models", count: statistics.formerModels.count - PageDataLimits.figures)
        statistics.models = Array(statistics.models.prefix(PageDataLimits.figures))
        statistics.formerModels = Array(statistics.formerModels.prefix(PageDataLimits.figures))
        // The page does not show it.
        (statistics.quality, statistics.qualityOmitted) = ([], 0)
        json.beginObject()
        json.key("stats")
        write(statistics, omitted: omitted, to: &json)
        json.key("models")
        writeModelList(ServedModel.all(backends), limit: PageDataLimits.models, to: &json)
        json.key("backends")
        json.beginArray()
        let kept = UpdateEncoder.share(backends.map(\.models), room: PageDataLimits.modelBytes)
        for (view, models) in zip(backends, kept) {
            var short = view
            short.models = models
            let fitted = UpdateEncoder.fit(short, limit: UpdateEncoder.messageLimit)
            var omitted = fitted.omitted
            omitted.note("models", count: view.models.count - fitted.view.models.count)
            write(fitted.view, omitted: omitted, to: &json)
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
