import JSON

/// Where in JSON something stands that is not to be kept: names of members with dots between them. `*` is any one member or item of a
/// list, `**` any number of them, also none: `messages.*.content`, `**.password`.
public struct RedactionRule: Sendable, Equatable {
    public enum Limits {
        public static let rules = 64
        public static let parts = 16
        /// Bytes.
        public static let text = 512
    }

    enum Part: Sendable, Equatable {
        case name(String)
        case one
        case any
    }

    public let text: String
    let parts: [Part]

    /// Nil: it is none.
    public init?(_ text: String) {
        let words = text.split(separator: ".", omittingEmptySubsequences: false)
        guard text.utf8.count <= Limits.text, words.count <= Limits.parts, words.allSatisfy({ !$0.isEmpty }),
            words.last != "**"
        else { return nil }
        self.text = text
        parts = words.map { $0 == "*" ? .one : $0 == "**" ? .any : .name(String($0)) }
    }
}

/// Takes out of bodies what rules say. Pure; what it costs grows with the body's length times the rules' parts, whatever stands in either.
public struct Redaction: Sendable {
    /// What stands in the place of what was taken out.
    public static let mark = "[redacted]"

    public enum Outcome: Sendable, Equatable {
        /// The body, with as much taken out as the number says.
        case body([UInt8], count: Int)
        /// Nobody can say what of it has to be taken out, so that nothing of it may be kept: why.
        case impossible(String)
    }

    private let rules: [RedactionRule]

    public init(_ rules: [RedactionRule]) { self.rules = rules }

    /// - Parameters:
    ///   - type: the body's media type.
    ///   - isCut: there was more.
    public func apply(to body: [UInt8], type: String, isCut: Bool) -> Outcome {
        guard !rules.isEmpty, !body.isEmpty else { return .body(body, count: 0) }
        let type = type.lowercased()
        if type.hasPrefix("text/event-stream") { return lines(body, isCut: isCut, prefix: Array("data:".utf8)) }
        if type.hasPrefix("application/x-ndjson") || type.hasPrefix("application/jsonl") {
            return lines(body, isCut: isCut, prefix: [])
        }
        guard !isCut else { return .impossible("It is longer than max_body_bytes, and cannot be redacted in part.") }
        guard let value = try? JSONValue.parse(body) else {
            return .impossible("It is not JSON, and cannot be redacted.")
        }
        var count = 0
        let redacted = redact(value, begin, &count)
        return .body(count == 0 ? body : redacted.bytes, count: count)
    }

    /// Of a stream, each line by itself. The last one of a stream that was cut is no whole one.
    private func lines(_ body: [UInt8], isCut: Bool, prefix: [UInt8]) -> Outcome {
        var (result, count): ([UInt8], Int) = ([], 0)
        result.reserveCapacity(body.count)
        var rest = body[...]
        while !rest.isEmpty {
            let end = rest.firstIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? rest.endIndex
            let line = rest[..<end]
            rest = rest[end...]
            if isCut, rest.isEmpty, line.last != UInt8(ascii: "\n") { break }
            let text = line.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
            let ending = line[text.endIndex...]
            guard text.starts(with: prefix) else {
                // Names of events, ids and comments; what else would stand there is no data.
                result += line
                continue
            }
            let data = text.dropFirst(prefix.count).drop { $0 == UInt8(ascii: " ") }
            if data.isEmpty || data.elementsEqual("[DONE]".utf8) {
                result += line
            } else if let value = try? JSONValue.parse(Array(data)) {
                let before = count
                let redacted = redact(value, begin, &count)
                if count == before {
                    result += line
                } else {
                    result += prefix + (prefix.isEmpty ? [] : [0x20]) + redacted.bytes + ending
                }
            } else {
                count += 1
                result += prefix + (prefix.isEmpty ? [] : [0x20]) + Array("\"\(Self.mark)\"".utf8) + ending
            }
        }
        return .body(result, count: count)
    }

    // MARK: One value

    /// How far a rule has come.
    private struct Place: Hashable {
        var rule: Int
        var part: Int
    }

    private var begin: [Place] { closed(rules.indices.map { Place(rule: $0, part: 0) }) }

    /// With what follows where `**` stands for nothing.
    private func closed(_ places: [Place]) -> [Place] {
        var all = places
        var index = 0
        while index < all.count {
            let place = all[index]
            if rules[place.rule].parts[place.part] == .any {
                let next = Place(rule: place.rule, part: place.part + 1)
                if !all.contains(next) { all.append(next) }
            }
            index += 1
        }
        return all
    }

    private func redact(_ value: JSONValue, _ places: [Place], _ count: inout Int) -> JSONValue {
        guard !places.isEmpty else { return value }
        switch value {
        case .object(let object):
            return .object(JSONObject(object.members.map { ($0.name, member($0.name, $0.value, places, &count)) }))
        case .array(let items):
            return .array(items.enumerated().map { member(String($0.offset), $0.element, places, &count) })
        default: return value
        }
    }

    private func member(_ name: String, _ value: JSONValue, _ places: [Place], _ count: inout Int) -> JSONValue {
        var next: [Place] = []
        for place in places {
            let parts = rules[place.rule].parts
            switch parts[place.part] {
            case .any:
                if !next.contains(place) { next.append(place) }
                continue
            case .one: break
            case .name(let wanted): if wanted != name { continue }
            }
            guard place.part + 1 < parts.count else {
                count += 1
                return .string(Self.mark)
            }
            let following = Place(rule: place.rule, part: place.part + 1)
            if !next.contains(following) { next.append(following) }
        }
        return redact(value, closed(next), &count)
    }
}
