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

    /// `GET /v1/models`: OpenAI's list with one object for each model of each healthy backend, sorted by model id,
    /// then by the backend's name.
    /// - Parameter aliases: other names of models there are; they follow, each with what it stands for.
    public static func modelList(
        _ views: [BackendView], aliases: [(alias: String, model: String)] = []
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 4096)
        writeModelList(views, aliases: aliases, limit: .max, to: &json)
        return json.bytes
    }

    /// `GET /v1/models/{id}`: the object of the first healthy backend (by name) that has the model, or nil.
    /// - Parameter alias: the name that was asked for, if it is another; the object has it as its id.
    public static func model(id: String, alias: String? = nil, in views: [BackendView]) -> [UInt8]? {
        let offers = offers(views) { $0.id == id }
        guard let offer = offers.first else { return nil }
        var json = JSONWriter()
        write(offer, alias: alias, to: &json)
        return json.bytes
    }

    /// `GET /v1/backends`: `{"object":"list","data":[BackendView]}`, every view whole, in the order given.
    public static func backends(_ views: [BackendView]) -> [UInt8] {
        var json = JSONWriter(capacity: 4096)
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("data")
        json.beginArray()
        for view in views { write(view, to: &json) }
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
        json.beginObject()
        json.key("stats")
        write(statistics, to: &json)
        json.key("models")
        writeModelList(backends, limit: modelLimit, to: &json)
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

/// The list of models in OpenAI's form.
extension ContractEncoder {
    /// A model as one backend offers it.
    private struct Offer {
        var model: Model
        var backend: String
    }

    private static func offers(_ views: [BackendView], where wanted: (Model) -> Bool = { _ in true }) -> [Offer] {
        var offers: [Offer] = []
        for view in views where view.status == .healthy {
            for model in view.models where model.id != Model.any && wanted(model) {
                offers.append(Offer(model: model, backend: view.name))
            }
        }
        return offers.sorted { ($0.model.id, $0.backend) < ($1.model.id, $1.backend) }
    }

    private static func writeModelList(
        _ views: [BackendView], aliases: [(alias: String, model: String)] = [], limit: Int, to json: inout JSONWriter
    ) {
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("data")
        json.beginArray()
        let offers = offers(views)
        for offer in offers.prefix(limit) { write(offer, to: &json) }
        for (alias, model) in aliases {
            if let offer = offers.first(where: { $0.model.id == model }) { write(offer, alias: alias, to: &json) }
        }
        json.endArray()
        json.endObject()
    }

    private static func write(_ offer: Offer, alias: String? = nil, to json: inout JSONWriter) {
        json.beginObject()
        json.key("id")
        json.string(alias ?? offer.model.id)
        json.key("object")
        json.string("model")
        json.key("created")
        json.integer(offer.model.created)
        json.key("owned_by")
        json.string(offer.backend)
        json.key("context_length")
        json.integer(offer.model.contextLength)
        json.key("capabilities")
        write(offer.model.capabilities, to: &json)
        if alias != nil {
            json.key("alias_of")
            json.string(offer.model.id)
        }
        json.endObject()
    }
}
