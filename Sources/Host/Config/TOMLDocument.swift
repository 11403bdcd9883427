import JSON
import TOMLKit

/// A TOML text as plain values, with the lines of its keys.
struct TOMLDocument {
    let root: JSONObject
    let lines: LineIndex

    init(_ text: String) throws(ConfigurationProblem) {
        let table: TOMLTable
        do {
            table = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw ConfigurationProblem(
                key: "", line: error.source.begin.line, message: "this is not TOML: \(error.description)")
        } catch {
            throw ConfigurationProblem(key: "", message: "this is not TOML: \(error)")
        }
        root = Self.object(table)
        lines = LineIndex(text)
    }

    private static func object(_ table: TOMLTable) -> JSONObject {
        JSONObject(table.keys.compactMap { key in table[key].map { (name: key, value: value($0)) } })
    }

    /// Dates become text; there is no key that takes one.
    private static func value(_ value: any TOMLValueConvertible) -> JSONValue {
        if let table = value.table { return .object(object(table)) }
        if let array = value.array { return .array(array.map { Self.value($0) }) }
        if let text = value.string { return .string(text) }
        if let flag = value.bool { return .bool(flag) }
        if let number = value.int { return .number(JSONNumber(number)) }
        if let number = value.double { return .number(JSONNumber(number)) }
        return .string(value.debugDescription)
    }
}
