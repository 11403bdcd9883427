import JSON

/// Models in OpenAI's form.
extension ContractEncoder {
    /// `GET /v1/models`: OpenAI's list with one object for each name that a healthy backend knows a model by, sorted, and
    /// one for each other name that the operator has given.
    /// - Parameters:
    ///   - aliases: other names of models there are, each with what it stands for.
    ///   - scope: of those that a key may use; nil: all.
    public static func modelList(
        _ views: [BackendView], aliases: [(alias: String, model: String)] = [], scope: KeyScope? = nil
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 4096)
        writeModelList(ServedModel.all(views, aliases: aliases, scope: scope), to: &json)
        return json.bytes
    }

    /// `GET /v1/models?per_backend=1`: one object for each model of each healthy backend, sorted by model id, then by the
    /// backend's name, with how it is there; then one for each other name.
    /// - Parameter withOthers: also those of backends that do not serve now. `backend_status` says how each backend stands; whether a
    ///   model is in the memory of one that is not well is not known.
    public static func modelListPerBackend(
        _ views: [BackendView], aliases: [(alias: String, model: String)] = [], scope: KeyScope? = nil,
        withOthers: Bool = false
    ) -> [UInt8] {
        var offers: [(model: Model, view: BackendView)] = []
        for view in views where (withOthers || view.status.serves) && scope?.has(backend: view.name) ?? true {
            for model in view.models where model.id != Model.any && scope?.has(model: model.id) ?? true {
                offers.append((view.tellsOfMemory ? model : model.withoutMemory, view))
            }
        }
        offers.sort { ($0.model.id, $0.view.name) < ($1.model.id, $1.view.name) }
        var json = JSONWriter(capacity: 4096)
        writeList(to: &json) { json in
            for (model, view) in offers {
                write(model, backends: [view.name], at: view.id, status: withOthers ? view.state : nil, to: &json)
            }
            for served in ServedModel.all(views, aliases: aliases, scope: scope) where served.aliasOf != nil {
                write(served, to: &json)
            }
        }
        return json.bytes
    }

    /// `GET /v1/models/{id}`
    public static func model(_ served: ServedModel) -> [UInt8] {
        var json = JSONWriter()
        write(served, to: &json)
        return json.bytes
    }

    /// The model under the name that was asked for; nil if no healthy backend has it.
    /// - Parameter alias: the name that was asked for, if it is another; the model has it as its id.
    public static func servedModel(
        id: String, alias: String? = nil, in views: [BackendView], scope: KeyScope? = nil
    ) -> ServedModel? {
        let wanted = alias ?? id
        let holders = views.filter { $0.status.serves }.map { view in
            var view = view
            view.models = view.models.filter { $0.id == id }
            return view
        }
        return ServedModel.all(holders, aliases: alias.map { [($0, id)] } ?? [], scope: scope).first { $0.id == wanted }
    }

    /// - Parameter limit: those that are written at most; `truncated` says how many are left out.
    static func writeModelList(_ models: [ServedModel], limit: Int = .max, to json: inout JSONWriter) {
        var omitted = Omissions()
        omitted.note("data", count: models.count - min(models.count, limit))
        writeList(to: &json, omitted: omitted) { json in
            for served in models.prefix(limit) { write(served, to: &json) }
        }
    }

    private static func writeList(
        to json: inout JSONWriter, omitted: Omissions = Omissions(), _ items: (inout JSONWriter) -> Void
    ) {
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("data")
        json.beginArray()
        items(&json)
        json.endArray()
        omitted.write(to: &json)
        json.endObject()
    }

    private static func write(_ served: ServedModel, to json: inout JSONWriter) {
        write(served.model, backends: served.backends, aliasOf: served.aliasOf, to: &json)
    }

    /// - Parameters:
    ///   - backend: the id of the only one that this is about, which tells how the model is there; nil: of none.
    ///   - status: how that backend stands; nil: it serves.
    private static func write(
        _ model: Model, backends: [String], aliasOf: String? = nil, at backend: String? = nil,
        status: BackendState? = nil, to json: inout JSONWriter
    ) {
        json.beginObject()
        json.key("id")
        json.string(model.id)
        json.key("object")
        json.string("model")
        json.key("created")
        json.integer(model.created)
        json.key("owned_by")
        json.string(backends.first ?? "")
        json.key("context_length")
        json.integer(model.contextLength)
        json.key("capabilities")
        write(model.capabilities, to: &json)
        json.key("backends")
        json.beginArray()
        for backend in backends { json.string(backend) }
        json.endArray()
        if let aliasOf {
            json.key("alias_of")
            json.string(aliasOf)
        }
        if let backend { writePresence(of: model, at: backend, to: &json) }
        if let status {
            json.key("backend_status")
            json.string(status.rawValue)
        }
        json.endObject()
    }

    /// How a model is at one backend. What is not known is null.
    private static func writePresence(of model: Model, at backend: String, to json: inout JSONWriter) {
        json.key("backend_id")
        json.string(backend)
        json.key("abilities")
        json.beginArray()
        for (ability, word) in abilities where model.capabilities.contains(ability) { json.string(word) }
        json.endArray()
        json.key("max_output_tokens")
        write(model.maxOutputTokens, to: &json)
        json.key("size_bytes")
        write(model.size, to: &json)
        json.key("loaded")
        if let isLoaded = model.isLoaded { json.bool(isLoaded) } else { json.null() }
        json.key("loaded_until")
        switch model.loadedUntil {
        case .time(let seconds)?: json.string(Timestamp.text(seconds: Double(seconds)))
        case .forever?: json.string("forever")
        case nil: json.null()
        }
        json.key("memory_bytes")
        write(model.memory, to: &json)
        json.key("device_memory_bytes")
        write(model.deviceMemory, to: &json)
    }

    private static let abilities: [(Capabilities, String)] = [
        (.completion, "completion"), (.vision, "vision"), (.tools, "tools"), (.jsonMode, "json_mode"),
        (.thinking, "thinking"), (.embedding, "embedding"),
    ]
}

extension BackendView {
    /// What it last said of its models' memory may still be so.
    fileprivate var tellsOfMemory: Bool { status.serves || status == .draining }
}

extension Model {
    fileprivate var withoutMemory: Model {
        var model = self
        (model.isLoaded, model.loadedUntil, model.memory, model.deviceMemory) = (nil, nil, nil, nil)
        return model
    }
}
