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
        if type.hasPrefix("text/event-stream") { return events(of: body, isCut: isCut) }
        if type.hasPrefix("application/x-ndjson") || type.hasPrefix("application/jsonl") {
            return jsonLines(of: body, isCut: isCut)
        }
        guard !isCut else { return .impossible("It is longer than max_body_bytes, and cannot be redacted in part.") }
        guard let value = try? JSONValue.parse(body) else {
            return .impossible("It is not JSON, and cannot be redacted.")
        }
        var count = 0
        let redacted = redact(value, begin, &count)
        return .body(count == 0 ? body : redacted.bytes, count: count)
    }

    // MARK: Streams. The last line of one that was cut is no whole one, and is left out

    private static let quotedMark = Array("\"\(mark)\"".utf8)

    private func jsonLines(of body: [UInt8], isCut: Bool) -> Outcome {
        var (result, count): ([UInt8], Int) = ([], 0)
        result.reserveCapacity(body.count)
        // Behind a line that cannot be read, another may be a part of the same value, and no rule would find it by its place.
        var isLost = false
        for line in CapturedLines(isCut ? CapturedLines.whole(of: body[...]) : body[...]) {
            if line.text.allSatisfy({ $0 == UInt8(ascii: " ") }) {
                result += line.text
            } else if !isLost, let value = try? JSONValue.parse(Array(line.text)) {
                let before = count
                let redacted = redact(value, begin, &count)
                result += count == before ? Array(line.text) : redacted.bytes
            } else {
                isLost = true
                count += 1
                result += Self.quotedMark
            }
            result += line.ending
        }
        return .body(result, count: count)
    }

    private func events(of body: [UInt8], isCut: Bool) -> Outcome {
        var (result, count): ([UInt8], Int) = ([], 0)
        result.reserveCapacity(body.count)
        var rest = isCut ? CapturedLines.whole(of: body[...]) : body[...]
        // A mark of byte order belongs to no field.
        if rest.starts(with: [0xEF, 0xBB, 0xBF]) {
            result += rest.prefix(3)
            rest = rest.dropFirst(3)
        }
        while !rest.isEmpty {
            let event = CapturedLines.event(of: rest)
            write(event, to: &result, &count)
            rest = rest[event.endIndex...]
        }
        return .body(result, count: count)
    }

    private func write(_ event: ArraySlice<UInt8>, to result: inout [UInt8], _ count: inout Int) {
        var replacement = replacement(ofDataIn: event, &count)
        let isReplaced = replacement != nil
        for line in CapturedLines(event) {
            let field = CapturedField(line.text)
            if field.isData {
                guard isReplaced else {
                    result += line.text + line.ending
                    continue
                }
                // One line for all that there were.
                guard let data = replacement else { continue }
                result += Array("data: ".utf8) + data
                replacement = nil
            } else if line.text.isEmpty || field.isKnown && field.isPlain {
                result += line.text
            } else {
                // Of comments, names and ids a server may make what it likes.
                count += 1
                result += (field.isKnown ? Array(field.name) : []) + Array(": \(Self.mark)".utf8)
            }
            result += line.ending
        }
    }

    /// What is to stand for the data of an event, which may be cut over several lines of it; nil: they may stay as they are.
    private func replacement(ofDataIn event: ArraySlice<UInt8>, _ count: inout Int) -> [UInt8]? {
        var data: [UInt8] = []
        for line in CapturedLines(event) {
            let field = CapturedField(line.text)
            if field.isData { data += field.value + [UInt8(ascii: "\n")] }
        }
        let text = data.dropLast()
        if text.allSatisfy({ $0 == UInt8(ascii: "\n") }) || text.elementsEqual("[DONE]".utf8) { return nil }
        guard let value = try? JSONValue.parse(Array(text)) else {
            count += 1
            return Self.quotedMark
        }
        let before = count
        let redacted = redact(value, begin, &count)
        return count == before ? nil : redacted.bytes
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
