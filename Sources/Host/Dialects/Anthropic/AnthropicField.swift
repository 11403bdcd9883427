import JSON

/// A value of a client's request with the place where it stands, so that every refusal names it.
struct AnthropicField {
    let value: JSONValue
    /// As Anthropic writes places: `messages.0.content.1.source`. Empty for the request itself.
    let path: String

    init(_ value: JSONValue, at path: String = "") {
        self.value = value
        self.path = path
    }

    /// A member; nil if it is missing or null.
    subscript(name: String) -> AnthropicField? {
        guard let member = value[name], !member.isNull else { return nil }
        return AnthropicField(member, at: place(name))
    }

    func required(_ name: String) throws(ClientError) -> AnthropicField {
        guard let field = self[name] else { throw Self.refusal(place(name), "this field is required.") }
        return field
    }

    func string() throws(ClientError) -> String {
        guard let text = value.string else { throw refused("must be a string.") }
        return text
    }

    func bool() throws(ClientError) -> Bool {
        guard let flag = value.bool else { throw refused("must be true or false.") }
        return flag
    }

    /// A number as it was written.
    func number() throws(ClientError) -> JSONValue {
        guard value.number != nil else { throw refused("must be a number.") }
        return value
    }

    func integer(atLeast minimum: Int64) throws(ClientError) -> Int64 {
        guard let number = value.int else { throw refused("must be a whole number.") }
        guard number >= minimum else { throw refused("must be at least \(minimum).") }
        return number
    }

    func object() throws(ClientError) -> JSONObject {
        guard let object = value.object else { throw refused("must be an object.") }
        return object
    }

    /// The same, known to be an object.
    func members() throws(ClientError) -> AnthropicField {
        _ = try object()
        return self
    }

    func items() throws(ClientError) -> [AnthropicField] {
        guard let items = value.array else { throw refused("must be an array.") }
        return items.enumerated().map { AnthropicField($1, at: place(String($0))) }
    }

    /// A string, or an array of blocks; a string is one block of text.
    func blocks() throws(ClientError) -> [AnthropicField] {
        switch value {
        case .string: return [AnthropicField(["type": "text", "text": value], at: path)]
        case .array: return try items()
        default: throw refused("must be a string or an array of blocks.")
        }
    }

    /// The member `type` of a block, a source or a choice.
    func type() throws(ClientError) -> String {
        _ = try object()
        return try required("type").string()
    }

    func refused(_ reason: String) -> ClientError { Self.refusal(path, reason) }

    private func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    private static func refusal(_ place: String, _ reason: String) -> ClientError {
        guard !place.isEmpty else { return ClientError(status: 400, message: reason) }
        return ClientError(status: 400, message: "\(place): \(reason)", param: place)
    }
}

/// What of a request was left out: each sentence once, in the order it came up.
struct AnthropicWarnings {
    /// A client that sends many odd things is told of the first ones.
    private static let limit = 16

    /// Printable ASCII, fit for a header, though they name what the client sent.
    private(set) var sentences: [String] = []

    mutating func add(_ sentence: String) {
        let plain = sentence.unicodeScalars.prefix(200).map { (0x20..<0x7F).contains($0.value) ? Character($0) : "?" }
        guard sentences.count < Self.limit, !sentences.contains(String(plain)) else { return }
        sentences.append(String(plain))
    }
}
