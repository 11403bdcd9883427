import Core

/// Ids of tool calls in a conversation, as a server of OpenAI's API gets them. A client pairs a result with its call by the id
/// alone, and its history may have one id for several calls: they came from servers that begin to count anew with each answer.
/// The first keeps it, the others get one of their own, and each result that of its call. The same history has the same ids
/// each time, so that a server's cache of it stays of use.
struct AnthropicCallIDs {
    /// What OpenAI's service takes.
    private static let longest = 40

    private var used: Set<String> = []
    /// How many calls had this id.
    private var counts: [String: Int] = [:]
    /// Of the newest message with calls: those that have no result yet, oldest first.
    private var open: [String: ArraySlice<String>] = [:]
    /// The newest call with this id.
    private var newest: [String: String] = [:]

    /// Another message of the assistant begins: results of calls before it do not come any more.
    mutating func beginTurn() { open = [:] }

    /// The id of the next call.
    /// - Parameter given: the client's.
    mutating func call(_ given: String) -> String {
        let short = Self.short(given)
        var count = counts[given] ?? 0
        var name = count == 0 ? short : Self.short("\(short)_\(count)")
        while !used.insert(name).inserted {
            count += 1
            name = Self.short("\(short)_\(count)")
        }
        counts[given] = count + 1
        open[given, default: []].append(name)
        newest[given] = name
        return name
    }

    /// The id of the call that a result belongs to.
    mutating func result(_ given: String) -> String {
        open[given]?.popFirst() ?? newest[given] ?? Self.short(given)
    }

    private static func short(_ id: String) -> String {
        id.utf8.count <= longest ? id : "call_" + SHA256.hexadecimal(of: id).prefix(32)
    }
}
