import Config

/// A value as it is written into `nexus.toml`.
enum TOMLValue: Equatable, Sendable {
    case text(String)
    case integer(Int)
    case number(Double)
    case bool(Bool)
    case list([TOMLValue])
    /// In one line.
    case table([(name: String, value: TOMLValue)])

    static func texts(_ texts: [String]) -> TOMLValue { .list(texts.map { .text($0) }) }

    var written: String {
        switch self {
        case .text(let text): TOMLText.quoted(text)
        case .integer(let number): "\(number)"
        case .number(let number):
            number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
        case .bool(let flag): flag ? "true" : "false"
        case .list(let items): "[" + items.map(\.written).joined(separator: ", ") + "]"
        case .table(let members):
            members.isEmpty
                ? "{}"
                : "{ " + members.map { "\(Self.key($0.name)) = \($0.value.written)" }.joined(separator: ", ") + " }"
        }
    }

    /// Bare where TOML allows that.
    static func key(_ name: String) -> String {
        let isBare =
            !name.isEmpty
            && name.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F
                    || $0 == 0x2D
            }
        return isBare ? name : TOMLText.quoted(name)
    }

    static func == (left: TOMLValue, right: TOMLValue) -> Bool { left.written == right.written }
}
