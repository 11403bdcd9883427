import JSON

/// The members of an object of a request, with their types checked; null is as good as not there.
struct OllamaMembers {
    private let object: JSONObject
    /// Where the object stands in the request, with a dot behind; empty for the request itself.
    private let prefix: String

    /// - Parameter place: where the object stands in the request; empty for the request itself.
    init(_ value: JSONValue, _ place: String) throws(ClientError) {
        guard let object = value.object else {
            throw OllamaError.refusal(place, "\(place.isEmpty ? "The request body" : place) must be a JSON object.")
        }
        self.object = object
        prefix = place.isEmpty ? "" : place + "."
    }

    /// Names of the members that are not null.
    var names: [String] { object.members.filter { !$0.value.isNull }.map(\.name) }

    subscript(name: String) -> JSONValue? {
        guard let value = object[name], !value.isNull else { return nil }
        return value
    }

    func place(_ name: String) -> String { prefix + name }

    func string(_ name: String) throws(ClientError) -> String? {
        guard let value = self[name] else { return nil }
        guard let text = value.string else { throw refusal(name, "a string") }
        return text
    }

    func bool(_ name: String) throws(ClientError) -> Bool? {
        guard let value = self[name] else { return nil }
        guard let flag = value.bool else { throw refusal(name, "true or false") }
        return flag
    }

    func number(_ name: String) throws(ClientError) -> JSONNumber? {
        guard let value = self[name] else { return nil }
        guard let number = value.number, number.double != nil else { throw refusal(name, "a number") }
        return number
    }

    /// A fraction is cut off, as Ollama does.
    func integer(_ name: String) throws(ClientError) -> Int64? {
        guard let number = try number(name) else { return nil }
        if let whole = number.int { return whole }
        guard let value = number.double, abs(value) < 9.2e18 else { throw refusal(name, "an integer") }
        return Int64(value)
    }

    func array(_ name: String) throws(ClientError) -> [JSONValue]? {
        guard let value = self[name] else { return nil }
        guard let items = value.array else { throw refusal(name, "an array") }
        return items
    }

    func members(_ name: String) throws(ClientError) -> OllamaMembers? {
        guard let value = self[name] else { return nil }
        return try OllamaMembers(value, place(name))
    }

    static func strings(_ items: [JSONValue], _ place: String) throws(ClientError) -> [String] {
        var result: [String] = []
        for (index, item) in items.enumerated() {
            guard let text = item.string else {
                throw OllamaError.refusal("\(place)[\(index)]", "\(place)[\(index)] must be a string.")
            }
            result.append(text)
        }
        return result
    }

    private func refusal(_ name: String, _ expected: String) -> ClientError {
        OllamaError.refusal(place(name), "\(place(name)) must be \(expected).")
    }
}
