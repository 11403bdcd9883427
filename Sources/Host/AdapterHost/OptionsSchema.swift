import Core
import JSON

/// Checks a backend's options against its adapter's schema, before the adapter sees them.
///
/// Of JSON Schema (draft 2020-12, "Validation") this knows `type`, `enum`, `minimum`, `maximum`, `required`, `properties`,
/// `additionalProperties` and `items`; every other keyword counts as an annotation.
public enum OptionsSchema {
    /// Levels of options and of a schema. Each level is a nested call.
    static let depth = 64

    /// What is wrong, for the operator, without a value, which may be a secret; nil if nothing is.
    /// - Parameters:
    ///   - options: the JSON text of an object.
    ///   - schema: the adapter's; empty: it takes no options.
    public static func problem(options: String, schema: String) -> String? {
        guard let options = try? JSONValue.parse(options, maximumDepth: depth) else {
            return "options are not valid JSON"
        }
        guard !schema.isEmpty else {
            return options.object?.isEmpty == true ? nil : "this adapter takes no options"
        }
        guard let schema = try? JSONValue.parse(schema, maximumDepth: depth) else {
            return "the adapter's own options_schema is not JSON, or nested too deeply"
        }
        return problem(options, schema, at: "options")
    }

    /// The same for one value of the options.
    package static func problem(_ value: JSONValue, against schema: JSONValue, at place: String) -> String? {
        problem(value, schema, at: place)
    }

    private static func problem(_ value: JSONValue, _ schema: JSONValue, at place: String) -> String? {
        if schema.bool == false { return "\(place) is not known" }
        if let types = schema["type"].map({ $0.array ?? [$0] })?.compactMap(\.string),
            !types.contains(where: { isOf($0, value) })
        {
            return "\(place) must be of type \(types.joined(separator: " or "))"
        }
        if let allowed = schema["enum"]?.array, !allowed.contains(value) {
            return
                "\(place) must be one of \(allowed.map { String(decoding: $0.bytes, as: UTF8.self) }.joined(separator: ", "))"
        }
        if let number = value.double {
            if let minimum = schema["minimum"]?.double, number < minimum {
                return "\(place) must be at least \(text(minimum))"
            }
            if let maximum = schema["maximum"]?.double, number > maximum {
                return "\(place) must be at most \(text(maximum))"
            }
        }
        if let object = value.object, let found = problem(object, schema, at: place) { return found }
        if let items = value.array, let schema = schema["items"] {
            for (index, item) in items.enumerated() {
                if let found = problem(item, schema, at: "\(place)[\(index)]") { return found }
            }
        }
        return nil
    }

    private static func problem(_ object: JSONObject, _ schema: JSONValue, at place: String) -> String? {
        for name in schema["required"]?.array?.compactMap(\.string) ?? [] where object[name] == nil {
            return "\(place).\(name) is missing"
        }
        let known = schema["properties"]?.object ?? JSONObject()
        for (name, value) in object.members {
            if let property = known[name] {
                if let found = problem(value, property, at: "\(place).\(name)") { return found }
            } else if let others = schema["additionalProperties"] {
                guard others.bool != false else {
                    let names = known.members.map(\.name)
                    let near = Suggestion.nearest(name, in: names).map { "did you mean \"\($0)\"? " } ?? ""
                    let list = names.isEmpty ? "none is" : "known are \(names.joined(separator: ", "))"
                    return "\(place).\(name) is not known; \(near)\(list)"
                }
                if let found = problem(value, others, at: "\(place).\(name)") { return found }
            }
        }
        return nil
    }

    private static func isOf(_ type: String, _ value: JSONValue) -> Bool {
        switch type {
        case "null": value.isNull
        case "boolean": value.bool != nil
        case "integer": value.int != nil
        case "number": value.number != nil
        case "string": value.string != nil
        case "array": value.array != nil
        case "object": value.object != nil
        default: true
        }
    }

    private static func text(_ number: Double) -> String {
        String(decoding: JSONValue.number(JSONNumber(number)).bytes, as: UTF8.self)
    }
}
