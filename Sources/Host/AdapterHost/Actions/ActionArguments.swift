import Core
import JSON

/// Arguments of one call, checked against the signature and complete: one for each parameter, in its order.
public struct ActionArguments: Sendable, Equatable {
    enum Value: Sendable, Equatable {
        /// Nil: left out.
        case text([UInt8]?)
        case int(Int64)
        case double(Double)
        case flag(Bool)
    }

    let values: [Value]

    /// - Parameter given: an object; a parameter that has a default or is optional may be missing or null.
    public init(_ given: JSONValue, for signature: ActionSignature) throws(ArgumentProblem) {
        guard let object = given.object else {
            throw ArgumentProblem(argument: nil, message: "The arguments must be a JSON object.")
        }
        let names = signature.parameters.map(\.name)
        for (name, _) in object.members where !names.contains(name) {
            let known =
                names.isEmpty ? "the action takes none" : "known are \(names.joined(separator: ", "))"
            throw ArgumentProblem(argument: name, message: "The argument '\(name)' is unknown; \(known).")
        }
        var values: [Value] = []
        for parameter in signature.parameters { values.append(try Self.value(object[parameter.name], parameter)) }
        self.values = values
    }

    private static func value(
        _ given: JSONValue?, _ parameter: ActionSignature.Parameter
    ) throws(ArgumentProblem) -> Value {
        let isLeftOut = given == nil || (given == .null && !parameter.isRequired)
        guard let value = isLeftOut ? parameter.defaultValue : given else {
            if parameter.isOptional { return .text(nil) }
            throw ArgumentProblem(
                argument: parameter.name,
                message: "The argument '\(parameter.name)' is missing; it must be \(parameter.kind.words).")
        }
        if parameter.kind == .json { return .text(value.bytes) }
        switch (parameter.kind, value) {
        case (.string, .string(let text)): return .text(Array(text.utf8))
        case (.bool, .bool(let flag)): return .flag(flag)
        case (.int, .number(let number)): if let value = number.int { return .int(value) }
        case (.double, .number(let number)): if let value = number.double { return .double(value) }
        default: break
        }
        throw ArgumentProblem(
            argument: parameter.name,
            message: "The argument '\(parameter.name)' must be \(parameter.kind.words), not \(Self.words(value)).")
    }

    private static func words(_ value: JSONValue) -> String {
        switch value {
        case .null: "null"
        case .bool(let flag): "\(flag)"
        case .number(let number): number.text.utf8.count <= 40 ? number.text : "such a number"
        case .string: "a string"
        case .array: "an array"
        case .object: "an object"
        }
    }
}
