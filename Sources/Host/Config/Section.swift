import Core
import JSON

/// Where problems are collected while a document is read.
final class ProblemList {
    /// What is wrong beyond these is counted.
    static let limit = 100

    private var listed: [ConfigurationProblem] = []
    private var others = 0
    private let lines: LineIndex?
    /// Notes what is asked for; nil: nobody wants to know.
    let asked: AskedKeys?

    init(lines: LineIndex?, asked: AskedKeys? = nil) {
        self.lines = lines
        self.asked = asked
    }

    var problems: [ConfigurationProblem] {
        others == 0 ? listed : listed + [ConfigurationProblem(key: "", message: "\(others) more problems")]
    }

    var count: Int { listed.count + others }

    var isFull: Bool { listed.count >= Self.limit }

    func add(_ key: String, _ message: @autoclosure () -> String) {
        guard !isFull else {
            others += 1
            return
        }
        let message = message()
        listed.append(ConfigurationProblem(key: key, line: lines?.line(of: key), message: message))
    }
}

/// Bytes of the texts of a configuration. They are shown, sent and kept wherever a backend is.
public enum TextLimits {
    /// A backend, an adapter's type, a variable.
    public static let name = 256
    public static let url = 2048
    /// A host or an origin.
    public static let host = 512
    public static let path = 4096
    public static let model = RequestPeek.maximumName
    /// Where an option stands; keys have a limit of their own.
    public static let option = 1024
    /// Entries of a list.
    public static let entries = 1000
}

/// One table while it is read: every access checks the type and the range and notes the key as known; what is left
/// over at the end is unknown and therefore a problem.
struct Section {
    private let path: String
    private let members: JSONObject
    private let problems: ProblemList
    private var known: [String] = []

    init(_ members: JSONObject, path: String, problems: ProblemList) {
        self.members = members
        self.path = path
        self.problems = problems
    }

    private func full(_ key: String) -> String { path.isEmpty ? key : path + "." + key }

    func problem(_ key: String, _ message: @autoclosure () -> String) { problems.add(full(key), message()) }

    /// Whether there is such a key, of whatever type.
    func has(_ key: String) -> Bool { members[key] != nil }

    /// Whether the key is there without a value, which only JSON can say.
    mutating func isNull(_ key: String) -> Bool {
        guard members[key]?.isNull == true else { return false }
        known.append(key)
        return true
    }

    /// - Parameter usual: the default, as a file would say it; nil: there is none to be told.
    private mutating func take(
        _ key: String, _ kind: AskedKey.Kind, usual: @autoclosure () -> JSONValue? = nil
    ) -> JSONValue? {
        known.append(key)
        guard let asked = problems.asked else { return members[key] }
        asked.note(full(key), kind, usual: usual())
        return kind.sample
    }

    mutating func string(_ key: String, limit: Int, into target: inout String) {
        if let text = string(key, limit: limit, usual: .string(target)) { target = text }
    }

    /// A string that says by being empty that something is not wanted; nil: it is not there.
    mutating func maybeEmptyString(_ key: String, limit: Int) -> String? {
        guard let value = take(key, .string(limit: limit, mayBeEmpty: true)) else { return nil }
        if let text = value.string { return text.isEmpty || fits(text, key, limit) ? text : nil }
        problem(key, "must be a string")
        return nil
    }

    /// - Parameter limit: bytes of the text.
    mutating func optionalString(_ key: String, limit: Int) -> String? { string(key, limit: limit, usual: nil) }

    private mutating func string(_ key: String, limit: Int, usual: JSONValue?) -> String? {
        guard let value = take(key, .string(limit: limit, mayBeEmpty: false), usual: usual) else { return nil }
        if let text = value.string, !text.isEmpty { return fits(text, key, limit) ? text : nil }
        problem(key, "must be a non-empty string")
        return nil
    }

    private func fits(_ text: String, _ key: String, _ limit: Int) -> Bool {
        guard text.utf8.count <= limit else {
            problem(key, "is longer than \(limit) bytes")
            return false
        }
        // JSON can say it. What is written to a file of TOML would not be read again.
        guard !text.utf8.contains(0) else {
            problem(key, "must not hold the character NUL")
            return false
        }
        return true
    }

    private func fit(_ texts: [String], _ key: String, _ limit: Int) -> Bool {
        if texts.count > TextLimits.entries {
            problem(key, "has more than \(TextLimits.entries) entries")
            return false
        }
        return texts.allSatisfy { fits($0, key, limit) }
    }

    /// One string or a list of them; empty if it is not there.
    mutating func oneOrMoreStrings(_ key: String, limit: Int) -> [String] {
        guard let value = take(key, .oneOrMoreStrings(limit: limit)) else { return [] }
        let texts = (value.array ?? [value]).map { $0.string ?? "" }
        if !texts.isEmpty, texts.allSatisfy({ !$0.isEmpty }) { return fit(texts, key, limit) ? texts : [] }
        problem(key, "must be a non-empty string or a list of them")
        return []
    }

    mutating func integer(_ key: String, _ range: ClosedRange<Int>, into target: inout Int) {
        if let value = integer(key, range, usual: .number(JSONNumber(target))) { target = value }
    }

    mutating func optionalInteger(_ key: String, _ range: ClosedRange<Int>) -> Int? {
        integer(key, range, usual: nil)
    }

    private mutating func integer(_ key: String, _ range: ClosedRange<Int>, usual: JSONValue?) -> Int? {
        guard let value = take(key, .integer(range), usual: usual) else { return nil }
        if let number = value.int, range.contains(Int(number)) { return Int(number) }
        problem(key, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        return nil
    }

    mutating func seconds(_ key: String, _ range: ClosedRange<Double>, into target: inout Duration) {
        if let time = seconds(key, range, usual: target, isLimit: false) { target = time }
    }

    /// Seconds that have no default of their own.
    mutating func optionalSeconds(_ key: String, _ range: ClosedRange<Double>) -> Duration? {
        seconds(key, range, usual: nil, isLimit: false)
    }

    private mutating func seconds(
        _ key: String, _ range: ClosedRange<Double>, usual: Duration?, isLimit: Bool
    ) -> Duration? {
        let usual = usual.map { JSONValue.number(Self.number($0 / .seconds(1))) }
        guard let value = take(key, .seconds(range, isLimit: isLimit), usual: usual) else { return nil }
        if let number = value.double, range.contains(number) { return .milliseconds(Int64((number * 1000).rounded())) }
        problem(
            key,
            "must be a number of seconds from \(Self.short(range.lowerBound)) to \(Self.short(range.upperBound))")
        return nil
    }

    private static func number(_ value: Double) -> JSONNumber {
        value == value.rounded() ? JSONNumber(Int(value)) : JSONNumber(value)
    }

    /// A limit of time; 0 stands for none.
    /// - Parameter tellsUsual: what is in `target` is the default.
    mutating func limit(
        _ key: String, _ range: ClosedRange<Double>, tellsUsual: Bool = true, into target: inout Duration?
    ) {
        guard let seconds = seconds(key, range, usual: tellsUsual ? target ?? .zero : nil, isLimit: true) else {
            return
        }
        // What is more than nothing and less than the clock tells is not "none".
        target = seconds > .zero ? seconds : members[key]?.double == 0 ? nil : .milliseconds(1)
    }

    /// A share of a whole: above 0, at most 1.
    mutating func share(_ key: String, into target: inout Double?) {
        guard let value = take(key, .share, usual: target.map { .number(Self.number($0)) }) else { return }
        if let number = value.double, number > 0, number <= 1 {
            target = number
        } else {
            problem(key, "must be a number above 0 and at most 1, such as 0.5 for one half")
        }
    }

    /// A share of a whole, all and nothing included.
    mutating func ratio(_ key: String, into target: inout Double) {
        guard let value = take(key, .ratio, usual: .number(Self.number(target))) else { return }
        if let number = value.double, (0...1).contains(number) {
            target = number
        } else {
            problem(key, "must be a number from 0 to 1, such as 0.1 for one in ten")
        }
    }

    private static func short(_ number: Double) -> String {
        number == number.rounded() ? "\(Int(number))" : "\(number)"
    }

    mutating func bool(_ key: String, into target: inout Bool) {
        guard let value = take(key, .bool, usual: .bool(target)) else { return }
        if let flag = value.bool { target = flag } else { problem(key, "must be true or false") }
    }

    mutating func choice<Value: RawRepresentable & CaseIterable>(
        _ key: String, into target: inout Value
    ) where Value.RawValue == String {
        let names = Value.allCases.map(\.rawValue)
        guard let value = take(key, .choice(names), usual: .string(target.rawValue)) else { return }
        if let text = value.string, let choice = Value(rawValue: text) {
            target = choice
        } else {
            let hint = value.string.flatMap { Suggestion.nearest($0, in: names) }
            problem(
                key,
                "must be one of \(names.map { "\"\($0)\"" }.joined(separator: ", "))"
                    + (hint.map { "; did you mean \"\($0)\"?" } ?? ""))
        }
    }

    mutating func strings(_ key: String, limit: Int, into target: inout [String]) {
        let usual = JSONValue.array(target.map { .string($0) })
        guard let value = take(key, .strings(limit: limit), usual: usual) else { return }
        if let array = value.array, array.allSatisfy({ $0.string?.isEmpty == false }) {
            let texts = array.compactMap(\.string)
            if fit(texts, key, limit) { target = texts }
        } else {
            problem(key, "must be an array of non-empty strings")
        }
    }

    /// A key that has its place elsewhere.
    mutating func refuse(_ key: String, _ message: String) {
        known.append(key)
        problem(key, message)
    }

    /// A table whose keys are names.
    /// - Parameters:
    ///   - words: what stands under each, for the reference.
    ///   - sample: a value of that kind, if it has keys of its own.
    mutating func names(_ key: String, of words: String, sample: JSONValue = .null) -> JSONObject {
        guard let value = take(key, .names(of: words, sample: sample)) else { return JSONObject() }
        if let object = value.object { return object }
        problem(key, "must be a table")
        return JSONObject()
    }

    mutating func section(_ key: String, _ body: (inout Section) -> Void) {
        guard let value = take(key, .table) else { return }
        guard let object = value.object else { return problem(key, "must be a table: [\(full(key))]") }
        var section = Section(object, path: full(key), problems: problems)
        body(&section)
        section.finish()
    }

    /// A table that was found within a value, by the path to it.
    func nested(_ table: JSONObject, _ key: String, _ body: (inout Section) -> Void) {
        var section = Section(table, path: full(key), problems: problems)
        body(&section)
        section.finish()
    }

    mutating func sections(_ key: String, _ body: (inout Section, Int) -> Void) {
        guard let value = take(key, .tables) else { return }
        guard let array = value.array, array.allSatisfy({ $0.object != nil }) else {
            return problem(key, "must be an array of tables: [[\(full(key))]]")
        }
        for (index, item) in array.enumerated() {
            var section = Section(item.object ?? JSONObject(), path: "\(full(key))[\(index)]", problems: problems)
            body(&section, index)
            section.finish()
        }
    }

    /// Says of every key that was not asked for that it is unknown.
    func finish() {
        for (name, _) in members.members where !known.contains(name) {
            problem(name, "is not a known key\(hint(name)); known here: \(known.joined(separator: ", "))")
        }
    }

    private func hint(_ name: String) -> String {
        if let nearest = Suggestion.nearest(name, in: known) { return "; did you mean \"\(nearest)\"?" }
        return known.contains("options") ? "; what the adapter is told goes into options" : ""
    }
}
