import JSON

/// A JSON Schema (2020-12, which OpenAPI 3.1 uses) of what a route takes or answers. Members that are not named may come with any
/// version: clients pass over what they do not know.
struct Schema: Sendable, Equatable {
    let json: JSONValue

    private init(_ json: JSONValue) { self.json = json }

    static let text = Schema(["type": "string"])
    static let flag = Schema(["type": "boolean"])
    static let number = Schema(["type": "number"])
    static let integer = Schema(["type": "integer"])
    /// A whole number, not below zero.
    static let count = Schema(["type": "integer", "minimum": 0])
    /// An instant (RFC 3339).
    static let time = Schema(["type": "string", "format": "date-time"])
    /// Any JSON.
    static let anything = Schema([:])
    /// An object of which nothing is said.
    static let open = Schema(["type": "object"])

    static func counting(_ range: ClosedRange<Int>) -> Schema {
        Schema([
            "type": "integer", "minimum": .number(JSONNumber(range.lowerBound)),
            "maximum": .number(JSONNumber(range.upperBound)),
        ])
    }

    static func word(_ words: String...) -> Schema { word(words) }

    static func word(_ words: [String]) -> Schema {
        Schema(["type": "string", "enum": .array(words.map { .string($0) })])
    }

    static func list(_ item: Schema) -> Schema { Schema(["type": "array", "items": item.json]) }

    /// An object with names of its own.
    static func map(_ value: Schema) -> Schema { Schema(["type": "object", "additionalProperties": value.json]) }

    static func either(_ schemas: Schema...) -> Schema { Schema(["anyOf": .array(schemas.map(\.json))]) }

    /// One of `Schemas.all`.
    static func named(_ name: String) -> Schema { Schema(["$ref": .string("#/components/schemas/\(name)")]) }

    static func object(
        _ always: KeyValuePairs<String, Schema>, sometimes: KeyValuePairs<String, Schema> = [:]
    ) -> Schema {
        let members = always.map { (name: $0.key, value: $0.value.json) }
        let others = sometimes.map { (name: $0.key, value: $0.value.json) }
        var parts: [(name: String, value: JSONValue)] = [
            (name: "type", value: "object"), (name: "properties", value: .object(JSONObject(members + others))),
        ]
        if !members.isEmpty { parts.append((name: "required", value: .array(members.map { .string($0.name) }))) }
        return Schema(.object(JSONObject(parts)))
    }

    /// A list as the gateway's routes answer with one.
    static func answeredList(_ item: Schema, _ more: KeyValuePairs<String, Schema> = [:]) -> Schema {
        object(["object": .constant("list"), "data": list(item)]).with(more)
    }

    static func constant(_ text: String) -> Schema { Schema(["type": "string", "const": .string(text)]) }

    /// The same with more members, which are always there.
    func with(_ more: KeyValuePairs<String, Schema>, sometimes: KeyValuePairs<String, Schema> = [:]) -> Schema {
        guard let object = json.object else { return self }
        let added = more.map { (name: $0.key, value: $0.value.json) }
        let others = sometimes.map { (name: $0.key, value: $0.value.json) }
        let members = (object["properties"]?.object?.members ?? []) + added + others
        let required = (object["required"]?.array ?? []) + added.map { .string($0.name) }
        var parts: [(name: String, value: JSONValue)] = [
            (name: "type", value: "object"), (name: "properties", value: .object(JSONObject(members))),
        ]
        if !required.isEmpty { parts.append((name: "required", value: .array(required))) }
        return Schema(.object(JSONObject(parts)))
    }

    /// It, or null.
    var orNull: Schema { Schema(["anyOf": [json, ["type": "null"]]]) }

    func says(_ words: String) -> Schema {
        guard let object = json.object, object["$ref"] == nil else { return self }
        return Schema(.object(JSONObject(object.members + [(name: "description", value: .string(words))])))
    }
}
