import JSON

/// The grammar of an action's signature, as the header gives it.
enum SignatureGrammar {
    private static let types: Set = ["string", "int", "double", "bool", "json"]
    private static let parameterLimit = 12

    /// What is wrong with it; nil if nothing is.
    static func problem(_ text: String) -> String? {
        var rest = Substring(text)
        skipSpace(&rest)
        guard take("(", &rest) else { return "it does not start with \"(\"" }
        var names: Set<String> = []
        skipSpace(&rest)
        if !take(")", &rest) {
            while true {
                if let problem = parameter(&rest, &names) { return problem }
                skipSpace(&rest)
                if take(",", &rest) { continue }
                if take(")", &rest) { break }
                return "\",\" or \")\" is expected before \"\(rest.prefix(12))\""
            }
        }
        guard names.count <= parameterLimit else { return "it has more than \(parameterLimit) parameters" }
        skipSpace(&rest)
        guard take("->", &rest) else { return "\"->\" is expected before \"\(rest.prefix(12))\"" }
        skipSpace(&rest)
        let result = rest.reversed().drop { $0 == " " }.reversed()
        return ["json", "none"].contains(String(result)) ? nil : "the result must be json or none"
    }

    private static func parameter(_ rest: inout Substring, _ names: inout Set<String>) -> String? {
        skipSpace(&rest)
        let name = word(&rest)
        guard let first = name.utf8.first, (0x61...0x7A).contains(first), name.utf8.count <= 64 else {
            return "\"\(name)\" is no name of a parameter"
        }
        guard names.insert(name).inserted else { return "the parameter \"\(name)\" comes twice" }
        skipSpace(&rest)
        guard take(":", &rest) else { return "\":\" is expected after \"\(name)\"" }
        skipSpace(&rest)
        let type = word(&rest)
        guard types.contains(type) else { return "\"\(type)\" is no type" }
        skipSpace(&rest)
        if take("?", &rest) {
            return type == "string" || type == "json" ? nil : "\"?\" is for string and json, not for \(type)"
        }
        guard take("=", &rest) else { return nil }
        return value(&rest, of: type, name)
    }

    /// A default: the longest start of the rest that is a JSON value of the type.
    private static func value(_ rest: inout Substring, of type: String, _ name: String) -> String? {
        let ends = rest.indices.filter { rest[$0] == "," || rest[$0] == ")" }
        for end in ends {
            guard let value = try? JSONValue.parse(String(rest[..<end])) else { continue }
            let fits =
                switch type {
                case "string": value.string != nil
                case "int": value.int != nil
                case "double": value.double != nil
                case "bool": value.bool != nil
                default: true
                }
            rest = rest[end...]
            return fits ? nil : "the default of \"\(name)\" is no \(type)"
        }
        return "the default of \"\(name)\" is no JSON value"
    }

    private static func word(_ rest: inout Substring) -> String {
        let word = rest.prefix {
            $0.isASCII && ($0 == "_" || $0.isNumber || ("a"..."z").contains($0))
        }
        rest = rest.dropFirst(word.count)
        return String(word)
    }

    private static func skipSpace(_ rest: inout Substring) { rest = rest.drop { $0 == " " } }

    private static func take(_ text: String, _ rest: inout Substring) -> Bool {
        guard rest.hasPrefix(text) else { return false }
        rest = rest.dropFirst(text.count)
        return true
    }
}
