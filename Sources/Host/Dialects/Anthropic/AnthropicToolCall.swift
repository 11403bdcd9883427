import JSON

/// A call of a tool as its deltas come in.
struct AnthropicToolCall {
    /// The client's name of it.
    let id: String
    /// The server's, which need not be the name of one call alone; empty if it has none.
    private let serverID: String
    /// Empty until a delta brings it.
    private(set) var name = ""
    /// OpenAI's number of the call.
    let index: Int64?
    /// Arguments that were not sent to the client yet.
    private var unsent = ""
    private var nesting = JSONNesting()
    /// Sent from the first fragment on, since it began like an object.
    private var isFlowing = false
    var isClosed = false

    /// - Parameter id: the client's name of the call.
    init(_ delta: JSONValue, id: String) {
        self.id = id
        serverID = delta["id"]?.string ?? ""
        index = delta["index"]?.int
    }

    var isComplete: Bool { nesting.isComplete }

    /// Whether the delta is of this call. One with another index is not. Servers repeat id and name, leave out id or index, or
    /// give every call the index 0, or the same id; so a name begins another call if it comes with another id, if it differs
    /// from this call's, or if this call is whole and other arguments begin.
    func owns(_ delta: JSONValue) -> Bool {
        let (otherID, otherIndex) = (delta["id"]?.string ?? "", delta["index"]?.int)
        if let index, let otherIndex, otherIndex != index { return false }
        let hasSameID = !otherID.isEmpty && otherID == serverID
        if let otherName = delta["function"]?["name"]?.string, !otherName.isEmpty {
            if !otherID.isEmpty, !hasSameID { return false }
            if !name.isEmpty, otherName != name || (isComplete && Self.beginsObject(delta)) { return false }
        }
        return hasSameID || otherIndex == nil || otherIndex == index
    }

    private static func beginsObject(_ delta: JSONValue) -> Bool {
        switch delta["function"]?["arguments"] {
        case .object: true
        case .string(let text): text.utf8.first { $0 > 0x20 } == UInt8(ascii: "{")
        default: false
        }
    }

    mutating func take(_ function: JSONValue?) {
        if name.isEmpty, let text = function?["name"]?.string { name = text }
        switch function?["arguments"] {
        case .string(let text): unsent += text
        // Some servers send the object itself.
        case .object(let object): unsent += String(decoding: JSONValue.object(object).bytes, as: UTF8.self)
        default: break
        }
    }

    /// The arguments that can go to the client now. A client parses them while they come, so what does not begin like an
    /// object waits for the end, and what follows the object is dropped.
    mutating func flow() -> String {
        if !isFlowing {
            guard unsent.utf8.first(where: { $0 > 0x20 }) == UInt8(ascii: "{") else { return "" }
            isFlowing = true
        }
        var count = 0
        for byte in unsent.utf8 {
            guard !nesting.isComplete else { break }
            nesting.take(byte)
            count += 1
        }
        defer { unsent = "" }
        return count == unsent.utf8.count ? unsent : String(decoding: unsent.utf8.prefix(count), as: UTF8.self)
    }

    /// What is to be sent before the block is closed.
    func rest() -> String {
        guard !isFlowing else { return "" }
        let object = AnthropicToolInput.object(.string(unsent))
        return object.isEmpty ? "" : String(decoding: JSONValue.object(object).bytes, as: UTF8.self)
    }

    var start: JSONValue { Self.block(id: id, name: name, input: JSONObject()) }

    /// A whole call; nil if it names no tool.
    static func block(_ call: JSONValue, at index: Int, _ head: AnthropicMessageHead) -> JSONValue? {
        guard let name = call["function"]?["name"]?.string, !name.isEmpty else { return nil }
        let input = AnthropicToolInput.object(call["function"]?["arguments"])
        return block(id: id(at: index, requestID: head.requestID), name: name, input: input)
    }

    /// A name that no other call has, in this answer or any other: servers begin to count anew with each answer, and clients
    /// pair results with calls by this name alone. OpenAI's service, which gets it back, takes 40 characters.
    /// - Parameter index: the place among the calls of the answer.
    static func id(at index: Int, requestID: String) -> String { "toolu_\(requestID.prefix(24))_\(index)" }

    private static func block(id: String, name: String, input: JSONObject) -> JSONValue {
        ["type": "tool_use", "id": .string(id), "name": .string(name), "input": .object(input)]
    }
}
