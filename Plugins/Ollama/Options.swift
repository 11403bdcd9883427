/// The options of a backend of this type.
struct Options: Sendable, Equatable {
    static let schema = """
        {"type":"object","additionalProperties":false,"properties":{\
        "num_ctx":{"type":"integer","minimum":1,"description":"Context length in tokens for every request; Ollama reloads a model when it changes."},\
        "keep_alive":{"type":["string","integer"],"description":"How long a model stays loaded: a duration such as 5m, seconds, 0, or -1 for ever."},\
        "think":{"type":"boolean","description":"false: models that can think do so only when a request asks for it."}}}
        """

    var contextLength: Int64?
    var keepAlive: JSONValue?
    var think: Bool?

    init() {}

    /// What a request says goes before what the operator says.
    func keepAlive(asked request: JSONValue) -> JSONValue? {
        if let asked = request["keep_alive"], !asked.isNull { return asked }
        return keepAlive
    }

    init(_ given: JSONObject) throws(ConfigurationProblem) {
        for (name, value) in given.members {
            switch name {
            case "num_ctx":
                guard let length = value.int, length > 0 else {
                    throw ConfigurationProblem("num_ctx must be a whole number above 0")
                }
                contextLength = length
            case "keep_alive":
                guard value.string != nil || value.int != nil else {
                    throw ConfigurationProblem("keep_alive must be a duration such as \"5m\", or a number of seconds")
                }
                keepAlive = value
            case "think":
                guard let flag = value.bool else { throw ConfigurationProblem("think must be true or false") }
                think = flag
            default: throw ConfigurationProblem("unknown option \"\(name)\"; known are num_ctx, keep_alive, think")
            }
        }
    }
}
