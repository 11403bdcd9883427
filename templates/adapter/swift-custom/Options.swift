/// What an operator can set for one backend.
struct Options: Sendable {
    /// JSON Schema. The host checks a backend's options against it before it makes an instance. "writeOnly" marks a secret: the
    /// gateway hides its value wherever it would be shown.
    static let schema = """
        {"type":"object","additionalProperties":false,"properties":{
        "streams":{"type":"boolean","default":true,
        "description":"false: the server cannot stream; it is asked for whole answers"},
        "access_token":{"type":"string","writeOnly":true,
        "description":"sent as x-access-token, for servers behind a gate of their own"}}}
        """

    var streams = true
    /// Empty: none.
    var accessToken = ""

    /// What a schema cannot say is checked here. The words name the option, and never the value of a secret.
    init(_ options: JSONObject) throws(ConfigurationProblem) {
        for (name, value) in options.members {
            switch name {
            case "streams":
                guard let streams = value.bool else {
                    throw ConfigurationProblem("options.streams must be true or false")
                }
                self.streams = streams
            case "access_token":
                guard let token = value.string, token.utf8.count <= 1000, !token.utf8.contains(where: { $0 < 0x20 })
                else {
                    throw ConfigurationProblem("options.access_token must be one line of at most 1000 characters")
                }
                accessToken = token
            default:
                throw ConfigurationProblem("options.\(name) is not known; known are: streams, access_token")
            }
        }
    }
}
