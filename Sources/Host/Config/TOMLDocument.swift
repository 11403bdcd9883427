import JSON
import TOMLKit

/// A TOML text as plain values, with the lines of its keys.
public struct TOMLDocument {
    public let root: JSONObject
    let lines: LineIndex

    /// - Throws: the first thing that is wrong with it, a text that is nested too deep among it.
    public init(_ text: String) throws(ConfigurationProblem) {
        if let problem = TOMLShape.problem(in: text) { throw problem }
        let table: TOMLTable
        do {
            table = try TOMLTable(string: text)
        } catch let error as TOMLParseError {
            throw ConfigurationProblem(
                key: "", line: error.source.begin.line, message: "this is not TOML: \(Self.words(error.description))")
        } catch {
            throw ConfigurationProblem(key: "", message: "this is not TOML")
        }
        root = Self.object(table)
        lines = LineIndex(text)
    }

    /// Where the value of a dotted path stands, or the nearest table around it, from 1; nil: it is not found.
    public func line(of path: String) -> Int? { lines.line(of: path) }

    /// The parser's, which repeat a number that it cannot take: that may be a secret without its quotes.
    private static func words(_ text: String) -> String {
        if text.hasSuffix("is not representable in 64 bits") { return "a number is not representable in 64 bits" }
        let cut = text.utf8.count <= 300 ? text : String(decoding: text.utf8.prefix(300), as: UTF8.self) + " ..."
        // By its first letter the parser takes a word for one of these.
        let kinds = ["boolean", "value", "floating-point", "integer"]
        let isValue = kinds.contains { text.contains("while parsing \($0)") }
        return isValue ? cut + " (a text stands in quotation marks: name = \"gpu\")" : cut
    }

    private static func object(_ table: TOMLTable) -> JSONObject {
        JSONObject(table.keys.compactMap { key in table[key].map { (name: key, value: value($0)) } })
    }

    /// Dates become text, and so do numbers that JSON does not have; there is no key that takes one.
    private static func value(_ value: any TOMLValueConvertible) -> JSONValue {
        if let table = value.table { return .object(object(table)) }
        if let array = value.array { return .array(array.map { Self.value($0) }) }
        if let text = value.string { return .string(text) }
        if let flag = value.bool { return .bool(flag) }
        if let number = value.int { return .number(JSONNumber(number)) }
        if let number = value.double { return number.isFinite ? .number(JSONNumber(number)) : .string("\(number)") }
        return .string(value.debugDescription)
    }
}
