import JSON

/// The messages of `/ws?watch=`: what somebody gets who watches the text of one exchange. Each is within the limit of one message.
extension UpdateEncoder {
    /// Bytes of text in one message: each may become six, and what stands around it takes a few hundred.
    static let glassTextLimit = 1600

    /// `ExchangeWatched`: the exchange as it is; the text from here on follows.
    public static func exchangeWatched(_ exchange: ActiveExchange) -> [UInt8] {
        var json = JSONWriter(capacity: 640)
        json.beginObject()
        json.key("update_type")
        json.string("ExchangeWatched")
        json.key("data")
        ContractEncoder.write(exchange, to: &json)
        json.endObject()
        return json.bytes
    }

    /// `ExchangeText`: in as many messages as it takes.
    /// - Parameters:
    ///   - position: characters of text that came before, since somebody watches.
    /// - Returns: each with how many characters (Unicode code points) of the text it has.
    public static func exchangeText(
        _ key: ActiveExchange.Key, kind: String, text: String, position: UInt64
    ) -> [(message: [UInt8], characters: Int)] {
        var messages: [(message: [UInt8], characters: Int)] = []
        var position = position
        var rest = text.unicodeScalars[...]
        while !rest.isEmpty {
            var (end, bytes, count) = (rest.startIndex, 0, 0)
            while end < rest.endIndex {
                let size = UTF8.width(rest[end])
                guard bytes + size <= glassTextLimit else { break }
                bytes += size
                count += 1
                end = rest.index(after: end)
            }
            let piece = String(rest[..<end])
            let message = glass("ExchangeText", key) { json in
                json.key("kind")
                json.string(kind)
                json.key("position")
                json.integer(position)
                json.key("text")
                json.string(piece)
            }
            messages.append((message, count))
            position += UInt64(count)
            rest = rest[end...]
        }
        return messages
    }

    /// `ExchangeSkipped`: text that is not told, to one who took too little, or to all since it could not be read in time.
    public static func exchangeSkipped(
        _ key: ActiveExchange.Key, characters: UInt64? = nil, bytes: Int? = nil
    ) -> [UInt8] {
        glass("ExchangeSkipped", key) { json in
            json.key("characters")
            if let characters { json.integer(characters) } else { json.null() }
            json.key("bytes")
            if let bytes { json.integer(bytes) } else { json.null() }
        }
    }

    /// `ExchangeEnded`: the last message.
    public static func exchangeEnded(_ key: ActiveExchange.Key, _ end: GlassEnd) -> [UInt8] {
        glass("ExchangeEnded", key) { json in
            json.key("reason")
            json.string(end.reason)
            json.key("status")
            if case .ended(let status?, _) = end { json.integer(status) } else { json.null() }
            json.key("message")
            if case .ended(_, let message?) = end {
                json.string(EntryLimits.cutBytes(message, to: 1024))
            } else {
                json.null()
            }
        }
    }

    private static func glass(
        _ type: String, _ key: ActiveExchange.Key, _ members: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        update(type) { json in
            json.key("exchange")
            json.string(key.text)
            members(&json)
        }
    }
}

/// Why there is nothing more to watch.
public enum GlassEnd: Sendable, Equatable {
    /// The exchange has ended, with what its client got.
    case ended(status: Int?, message: String?)
    /// The operator's configuration does not allow it any more.
    case hidden

    var reason: String {
        switch self {
        case .ended: "ended"
        case .hidden: "hidden"
        }
    }
}
