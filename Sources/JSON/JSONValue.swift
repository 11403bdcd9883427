/// Any JSON value.
public enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case number(JSONNumber)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    public var isNull: Bool { self == .null }
    public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    public var number: JSONNumber? { if case .number(let value) = self { value } else { nil } }
    public var string: String? { if case .string(let value) = self { value } else { nil } }
    public var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    /// Nil for anything but a number that is a whole one within the range.
    public var int: Int64? { number?.int }
    public var double: Double? { number?.double }

    /// The member of an object; nil if there is none or this is no object.
    public subscript(name: String) -> JSONValue? { object?[name] }
    /// The item of an array; nil out of bounds or if this is no array.
    public subscript(index: Int) -> JSONValue? {
        guard let array, array.indices.contains(index) else { return nil }
        return array[index]
    }

    /// The value as JSON text.
    public var bytes: [UInt8] {
        var writer = JSONWriter()
        writer.value(self)
        return writer.bytes
    }
}

/// A number as it was written, so that no digit is lost.
public struct JSONNumber: Sendable, Equatable {
    public let text: String

    /// - Parameter text: a number of RFC 8259, section 6.
    init(text: String) { self.text = text }

    public init(_ value: some BinaryInteger) { text = String(value) }

    /// Infinities and NaN become 0.
    public init(_ value: Double) {
        text =
            !value.isFinite ? "0" : value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
    }

    /// Nil if it is not whole or out of range.
    public var int: Int64? {
        if let value = Int64(text) { return value }
        guard let value = Double(text), value == value.rounded(), abs(value) < 9.2e18 else { return nil }
        return Int64(value)
    }

    /// The nearest double; nil beyond its range.
    public var double: Double? { Double(text).flatMap { $0.isFinite ? $0 : nil } }
}

/// An object: members in the order they were written. Of two with the same name the last one counts.
public struct JSONObject: Sendable, Equatable {
    public private(set) var members: [(name: String, value: JSONValue)]

    public init(_ members: [(name: String, value: JSONValue)] = []) { self.members = members }

    public subscript(name: String) -> JSONValue? {
        get { members.last { $0.name == name }?.value }
        set {
            if members.contains(where: { $0.name == name }) { members.removeAll { $0.name == name } }
            if let newValue { members.append((name, newValue)) }
        }
    }

    /// Sets many members at once, as if each was set in turn. What it costs grows with their number and not with its
    /// square, so it is the way for members whose names others have chosen.
    public mutating func merge(_ others: some Sequence<(name: String, value: JSONValue)>) {
        let own = members.count
        let all = members + others
        var names: Set<String> = []
        var kept: [(name: String, value: JSONValue)] = []
        for index in all.indices.reversed() {
            if index >= own ? names.insert(all[index].name).inserted : !names.contains(all[index].name) {
                kept.append(all[index])
            }
        }
        members = kept.reversed()
    }

    public var isEmpty: Bool { members.isEmpty }

    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        left.members.count == right.members.count
            && zip(left.members, right.members).allSatisfy { $0.name == $1.name && $0.value == $1.value }
    }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral, ExpressibleByNilLiteral
{
    public init(stringLiteral value: String) { self = .string(value) }
    public init(integerLiteral value: Int64) { self = .number(JSONNumber(value)) }
    public init(floatLiteral value: Double) { self = .number(JSONNumber(value)) }
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self = .object(JSONObject(elements.map { (name: $0.0, value: $0.1) }))
    }
    public init(nilLiteral: ()) { self = .null }
}
