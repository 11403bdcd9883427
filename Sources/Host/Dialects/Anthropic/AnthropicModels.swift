import Core
import JSON

/// Models in Anthropic's form: https://docs.anthropic.com/en/api/models-list
public struct AnthropicModelPage: Sendable, Equatable {
    private enum Place: Sendable, Equatable {
        case start
        case after(String)
        case before(String)
    }

    private static let limits = 1...1000

    private var limit = 20
    private var place = Place.start

    /// - Parameter query: its names and values; names that are not known are passed over.
    /// - Throws: status 400 for a value that is none.
    public init(_ query: [(name: String, value: String)]) throws(ClientError) {
        var seen: Set<String> = []
        for (name, value) in query where ["limit", "after_id", "before_id"].contains(name) {
            guard seen.insert(name).inserted else { throw Self.refusal(name, "it is given twice.") }
            switch name {
            case "limit":
                let isNumber = !value.isEmpty && value.utf8.allSatisfy { $0 &- 0x30 < 10 }
                guard isNumber, let number = Int(value), Self.limits.contains(number) else {
                    throw Self.refusal(
                        name, "must be a whole number from \(Self.limits.lowerBound) to \(Self.limits.upperBound).")
                }
                limit = number
            // What stands for no place at all.
            case _ where value.isEmpty: break
            case "after_id": place = .after(value)
            default:
                guard place == .start else { throw Self.refusal(name, "after_id and before_id exclude each other.") }
                place = .before(value)
            }
        }
        if case .after = place, query.contains(where: { $0.name == "before_id" && !$0.value.isEmpty }) {
            throw Self.refusal("before_id", "after_id and before_id exclude each other.")
        }
    }

    /// `GET /v1/models`: the part of the list that is asked for.
    /// - Parameter models: all, in their order, with different ids.
    /// - Throws: status 400 if no model has the id that the part begins or ends at.
    public func body(of models: [ServedModel]) throws(ClientError) -> [UInt8] {
        let part: ArraySlice<ServedModel>
        let hasMore: Bool
        switch place {
        case .start:
            part = models.prefix(limit)
            hasMore = part.endIndex < models.endIndex
        case .after(let id):
            part = models[(try Self.place(of: id, "after_id", models) + 1)...].prefix(limit)
            hasMore = part.endIndex < models.endIndex
        case .before(let id):
            part = models[..<(try Self.place(of: id, "before_id", models))].suffix(limit)
            hasMore = part.startIndex > models.startIndex
        }
        let list: JSONValue = [
            "data": .array(part.map(Self.object)), "has_more": .bool(hasMore),
            "first_id": part.first.map { .string($0.id) } ?? .null,
            "last_id": part.last.map { .string($0.id) } ?? .null,
        ]
        return list.bytes
    }

    /// `GET /v1/models/{id}`
    public static func body(of model: ServedModel) -> [UInt8] { object(model).bytes }

    /// Where nothing is known of the date it is the epoch, as Anthropic has it.
    private static func object(_ served: ServedModel) -> JSONValue {
        let model = served.model
        var object = JSONObject([
            (name: "type", value: "model"), (name: "id", value: .string(model.id)),
            (name: "display_name", value: .string(model.name.isEmpty ? model.id : model.name)),
            (name: "created_at", value: .string(Timestamp.text(seconds: Double(model.created)))),
        ])
        if let tokens = Int(exactly: model.contextLength), tokens > 0 {
            object["max_input_tokens"] = .number(JSONNumber(tokens))
        }
        if let tokens = model.maxOutputTokens.flatMap({ Int(exactly: $0) }), tokens > 0 {
            object["max_tokens"] = .number(JSONNumber(tokens))
        }
        return .object(object)
    }

    private static func place(of id: String, _ name: String, _ models: [ServedModel]) throws(ClientError) -> Int {
        guard let place = models.firstIndex(where: { $0.id == id }) else {
            throw refusal(name, "there is no such model; ask again from the start of the list.")
        }
        return place
    }

    private static func refusal(_ name: String, _ reason: String) -> ClientError {
        ClientError(status: 400, message: "\(name): \(reason)", param: name)
    }
}
