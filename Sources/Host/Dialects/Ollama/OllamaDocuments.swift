import Core
import JSON

/// What Ollama's API tells of its models, from what the gateway knows of its backends: JSON.
public enum OllamaDocuments {
    /// The version of Ollama whose API this is. Clients refuse servers that are older than what they need.
    public static let versionNumber = "0.33.0"

    /// Later than any keep_alive that Ollama can hold, as its own date for a model that stays.
    static let forever = "2318-01-01T00:00:00Z"

    /// `GET /api/version`
    public static var version: [UInt8] { JSONValue.object(JSONObject([("version", .string(versionNumber))])).bytes }

    /// `GET /api/tags`: each model that some healthy backend has, sorted by name; then the operator's other names.
    /// - Parameters:
    ///   - aliases: other names, each with a model's name at the backends.
    ///   - scope: of those that a key may use; nil: all.
    public static func tags(
        _ views: [BackendView], aliases: [(alias: String, model: String)] = [], scope: KeyScope? = nil
    ) -> [UInt8] {
        list(OllamaModel.merged(views, aliases: aliases, scope: scope)) { model, json in
            json.key("modified_at")
            json.string(model.modifiedAt)
            json.key("size")
            json.integer(model.model.size ?? 0)
            json.key("digest")
            json.string(model.digest)
            details(model, &json)
            capabilities(model, &json)
        }
    }

    /// `GET /api/ps`: the models that some healthy backend has in memory, sorted by name.
    /// - Parameter scope: of those that a key may use; nil: all.
    public static func ps(_ views: [BackendView], scope: KeyScope? = nil) -> [UInt8] {
        list(OllamaModel.merged(views, scope: scope).filter { $0.model.isLoaded == true }) { model, json in
            json.key("size")
            json.integer(model.model.memory ?? model.model.size ?? 0)
            json.key("digest")
            json.string(model.digest)
            details(model, &json)
            json.key("expires_at")
            // A server that tells no time has none: it keeps its models.
            if case .time(let seconds) = model.model.loadedUntil {
                json.string(Timestamp.text(seconds: Double(seconds)))
            } else {
                json.string(forever)
            }
            json.key("size_vram")
            json.integer(model.model.deviceMemory ?? 0)
            if model.model.contextLength > 0 {
                json.key("context_length")
                json.integer(model.model.contextLength)
            }
        }
    }

    /// `POST /api/show`, or nil if no healthy backend has the model.
    /// - Parameters:
    ///   - model: a name a backend knows it by (`ModelNames`).
    ///   - verbose: changes nothing, as the tensors and vocabularies it asks for are not known here.
    public static func show(model id: String, verbose: Bool, views: [BackendView]) -> [UInt8]? {
        guard let model = OllamaModel.merged(views).first(where: { $0.id == id }) else { return nil }
        var json = JSONWriter(capacity: 1024)
        json.beginObject()
        json.key("modelfile")
        json.string("FROM \(id)\n")
        json.key("parameters")
        json.string("")
        json.key("template")
        // Not the backend's own. Older clients search it for ".Tools" to see whether the model can call tools.
        let tools = model.model.capabilities.contains(.tools) ? "{{ if .Tools }}{{ .Tools }}{{ end }}" : ""
        json.string(tools + "{{ .Prompt }}")
        details(model, &json)
        json.key("model_info")
        json.beginObject()
        json.key("general.architecture")
        json.string(model.architecture)
        json.key("general.basename")
        json.string(model.model.name)
        if model.model.contextLength > 0 {
            json.key("\(model.architecture).context_length")
            json.integer(model.model.contextLength)
        }
        json.endObject()
        capabilities(model, &json)
        json.key("modified_at")
        json.string(model.modifiedAt)
        json.endObject()
        return json.bytes
    }

    private static func list(
        _ models: [OllamaModel], _ members: (OllamaModel, inout JSONWriter) -> Void
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 512 + models.count * 512)
        json.beginObject()
        json.key("models")
        json.beginArray()
        for model in models {
            json.beginObject()
            json.key("name")
            json.string(model.id)
            json.key("model")
            json.string(model.id)
            members(model, &json)
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    private static func details(_ model: OllamaModel, _ json: inout JSONWriter) {
        json.key("details")
        json.beginObject()
        json.key("parent_model")
        json.string("")
        for name in ["format", "family"] {
            json.key(name)
            json.string(model.detail(name))
        }
        json.key("families")
        json.beginArray()
        if !model.detail("family").isEmpty { json.string(model.detail("family")) }
        json.endArray()
        for name in ["parameter_size", "quantization_level"] {
            json.key(name)
            json.string(model.detail(name))
        }
        json.endObject()
    }

    private static func capabilities(_ model: OllamaModel, _ json: inout JSONWriter) {
        json.key("capabilities")
        json.beginArray()
        for word in model.capabilities { json.string(word) }
        json.endArray()
    }
}
