import JSON

/// Models in OpenAI's form.
extension ContractEncoder {
    /// `GET /v1/models`: OpenAI's list with one object for each name that a healthy backend knows a model by, sorted, and
    /// one for each other name that the operator has given.
    /// - Parameter aliases: other names of models there are, each with what it stands for.
    public static func modelList(
        _ views: [BackendView], aliases: [(alias: String, model: String)] = []
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 4096)
        writeModelList(ServedModel.all(views, aliases: aliases), to: &json)
        return json.bytes
    }

    /// `GET /v1/models?per_backend=1`: one object for each model of each healthy backend, sorted by model id, then by the
    /// backend's name; then one for each other name.
    public static func modelListPerBackend(
        _ views: [BackendView], aliases: [(alias: String, model: String)] = []
    ) -> [UInt8] {
        var offers: [(model: Model, backend: String)] = []
        for view in views where view.status.serves {
            for model in view.models where model.id != Model.any { offers.append((model, view.name)) }
        }
        offers.sort { ($0.model.id, $0.backend) < ($1.model.id, $1.backend) }
        var json = JSONWriter(capacity: 4096)
        writeList(to: &json) { json in
            for (model, backend) in offers { write(model, backends: [backend], to: &json) }
            for served in ServedModel.all(views, aliases: aliases) where served.aliasOf != nil {
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
    public static func servedModel(id: String, alias: String? = nil, in views: [BackendView]) -> ServedModel? {
        let wanted = alias ?? id
        let holders = views.filter { $0.status.serves }.map { view in
            var view = view
            view.models = view.models.filter { $0.id == id }
            return view
        }
        return ServedModel.all(holders, aliases: alias.map { [($0, id)] } ?? []).first { $0.id == wanted }
    }

    static func writeModelList(_ models: some Sequence<ServedModel>, to json: inout JSONWriter) {
        writeList(to: &json) { json in
            for served in models { write(served, to: &json) }
        }
    }

    private static func writeList(to json: inout JSONWriter, _ items: (inout JSONWriter) -> Void) {
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("data")
        json.beginArray()
        items(&json)
        json.endArray()
        json.endObject()
    }

    private static func write(_ served: ServedModel, to json: inout JSONWriter) {
        write(served.model, backends: served.backends, aliasOf: served.aliasOf, to: &json)
    }

    private static func write(
        _ model: Model, backends: [String], aliasOf: String? = nil, to json: inout JSONWriter
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
        json.endObject()
    }
}
