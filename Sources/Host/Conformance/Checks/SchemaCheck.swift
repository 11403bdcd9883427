import AdapterHost
import JSON

/// Whether an adapter's options schema is one, as far as the host reads it.
enum SchemaCheck {
    private static let types: Set = ["null", "boolean", "integer", "number", "string", "array", "object"]

    /// What it holds, in words; throws what is wrong.
    static func check(_ text: String) throws -> String {
        let schema: JSONValue
        do { schema = try JSONValue.parse(text) } catch {
            throw CheckStop.failed("it is not JSON: \(error.reason) at byte \(error.offset)")
        }
        try require(schema.object != nil, "it is no object")
        try require(schema["type"]?.string == "object", "its type is not \"object\"")
        try check(schema, "options")
        let names = schema["properties"]?.object?.members.map(\.name) ?? []
        return names.isEmpty ? "an object without properties" : names.joined(separator: ", ")
    }

    private static func check(_ schema: JSONValue, _ place: String) throws {
        if schema.bool != nil { return }
        guard let members = schema.object else {
            throw CheckStop.failed("\(place): a schema is an object or a boolean")
        }
        if let type = members["type"] {
            let names = type.array ?? [type]
            for name in names {
                guard let name = name.string, types.contains(name) else {
                    throw CheckStop.failed("\(place): type \(words(name)) is not known")
                }
            }
        }
        if let allowed = members["enum"] {
            try require(allowed.array?.isEmpty == false, "\(place): enum must be an array that is not empty")
        }
        for bound in ["minimum", "maximum"] {
            if let value = members[bound] { try require(value.double != nil, "\(place): \(bound) must be a number") }
        }
        if let required = members["required"] {
            guard let names = required.array, names.allSatisfy({ $0.string != nil }) else {
                throw CheckStop.failed("\(place): required must be an array of strings")
            }
        }
        if let value = members["default"], let problem = OptionsSchema.problem(value, against: schema, at: place) {
            throw CheckStop.failed("the default of \(place) is not valid: \(problem)")
        }
        if let kinds = members["x-nexus-kinds"] {
            guard let object = kinds.object else {
                throw CheckStop.failed("\(place): x-nexus-kinds must be an object of names and values")
            }
            for (name, value) in object.members {
                guard let problem = OptionsSchema.problem(value, against: schema, at: place) else { continue }
                throw CheckStop.failed("the kind \(name) of \(place) has a value that is not valid: \(problem)")
            }
        }
        if let properties = members["properties"] {
            guard let object = properties.object else {
                throw CheckStop.failed("\(place): properties must be an object")
            }
            for (name, value) in object.members { try check(value, "\(place).\(name)") }
        }
        for name in ["additionalProperties", "items"] {
            if let value = members[name] { try check(value, "\(place).\(name)") }
        }
    }

    private static func words(_ value: JSONValue) -> String { String(decoding: value.bytes, as: UTF8.self) }
}
