/// What an operator can set for one backend.
struct Options: Sendable {
    /// JSON Schema. The host checks a backend's options against it before it makes an instance.
    static let schema = """
        {"type":"object","additionalProperties":false,"properties":{
        "path_prefix":{"type":"string","description":"before /models and /chat/completions","default":"/v1"}}}
        """

    var pathPrefix = "/v1"

    /// What a schema cannot say is checked here.
    init(_ options: JSONObject) throws(ConfigurationProblem) {
        for (name, value) in options.members {
            switch name {
            case "path_prefix":
                guard let prefix = value.string,
                    prefix.isEmpty || prefix.hasPrefix("/") && !prefix.hasSuffix("/")
                else {
                    throw ConfigurationProblem(
                        "options.path_prefix must be a text like \"/v1\", without a slash at its end, or empty")
                }
                pathPrefix = prefix
            default: throw ConfigurationProblem("options.\(name) is not known; known are: path_prefix")
            }
        }
    }
}
