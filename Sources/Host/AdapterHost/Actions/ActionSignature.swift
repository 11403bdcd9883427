import JSON
import PluginAPI

/// What an action takes and gives, as its signature says (nexus_plugin.h, "actions of an operator").
public struct ActionSignature: Sendable, Equatable {
    public enum Kind: String, Sendable, CaseIterable { case string, int, double, bool, json }

    public struct Parameter: Sendable, Equatable {
        public let name: String
        public let kind: Kind
        /// It may be left out and then has no value ("?").
        public let isOptional: Bool
        /// Its value when it is left out.
        public let defaultValue: JSONValue?

        public var isRequired: Bool { !isOptional && defaultValue == nil }
    }

    /// Why a text is no signature, and where.
    public struct Problem: Error, Equatable, CustomStringConvertible {
        /// Bytes from the start.
        public let position: Int
        public let reason: String

        public var description: String { "\(reason) at position \(position)" }
    }

    public let parameters: [Parameter]
    /// It ends in "-> json".
    public let givesResult: Bool

    public init(_ text: String) throws(Problem) {
        var parser = ActionSignatureParser(Array(text.utf8))
        (parameters, givesResult) = try parser.run()
    }

    /// JSON Schema of the arguments: an object with a property for each parameter.
    public var jsonSchema: JSONValue {
        let properties = parameters.map { parameter in
            var property = JSONObject()
            if let type = parameter.kind.schemaType { property["type"] = .string(type) }
            if let value = parameter.defaultValue { property["default"] = value }
            return (name: parameter.name, value: JSONValue.object(property))
        }
        return [
            "type": "object", "properties": .object(JSONObject(properties)),
            "required": .array(parameters.filter(\.isRequired).map { .string($0.name) }),
            "additionalProperties": false,
        ]
    }
}

extension ActionSignature.Kind {
    /// The word of JSON Schema; nil: any value.
    var schemaType: String? {
        switch self {
        case .string: "string"
        case .int: "integer"
        case .double: "number"
        case .bool: "boolean"
        case .json: nil
        }
    }

    /// For messages.
    var words: String {
        switch self {
        case .string: "a string"
        case .int: "a whole number within 64 bits"
        case .double: "a number"
        case .bool: "true or false"
        case .json: "a JSON value"
        }
    }

    func accepts(_ value: JSONValue) -> Bool {
        switch self {
        case .string: value.string != nil
        case .int: value.int != nil
        case .double: value.double != nil
        case .bool: value.bool != nil
        case .json: true
        }
    }
}
