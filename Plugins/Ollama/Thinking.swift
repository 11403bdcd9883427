/// How hard a model should think, as Ollama takes it.
enum Thinking {
    /// Nil when neither the request nor the operator says anything. Never true of our own accord: a model that cannot
    /// think would refuse.
    /// - Parameter thinks: false: the model is known to be such.
    static func translate(
        _ request: JSONValue, model: String, options: Options, thinks: Bool = true, _ warnings: inout Warnings
    ) throws(Failure) -> JSONValue? {
        var asked = request.given("think")
        if asked == nil { asked = try effort(request) }
        guard thinks else {
            if let asked, asked != false { warnings.add("Thinking was left out: this model cannot think.") }
            return .none
        }
        let standing: JSONValue? = options.think == false ? .bool(false) : .none
        guard let think = asked ?? standing else { return .none }
        guard takesLevelsOnly(model) else { return think }
        switch think {
        case true: return "medium"
        case false:
            if asked != nil { warnings.add("Thinking was set to low: this model cannot do without.") }
            return "low"
        case "max": return "high"
        default: return think
        }
    }

    /// OpenAI's models with open weights: they think always, and ignore true and false.
    private static func takesLevelsOnly(_ model: String) -> Bool {
        let name = model.lowercased()
        return name.contains("gpt-oss") || name.contains("gptoss")
    }

    private static func effort(_ request: JSONValue) throws(Failure) -> JSONValue? {
        let name = request.given("reasoning_effort") == nil ? "reasoning" : "reasoning_effort"
        guard let effort = request.given("reasoning_effort") ?? request.given("reasoning")?.given("effort") else {
            return .none
        }
        switch effort.string {
        case "none": return false
        case "minimal": return "low"
        case "low", "medium", "high", "max": return effort
        case "xhigh", "ultra": return "max"
        case "auto", "default": return .none
        default:
            throw ChatRequest.rejected(
                name, "The effort must be none, minimal, low, medium, high, xhigh or max.")
        }
    }
}
