import JSON

/// The JSON of exchanges under way.
extension ContractEncoder {
    /// Bytes of each text that clients or operators chose.
    private static let textLimit = 256

    /// `GET /v1/requests/active`.
    public static func activeExchanges(_ list: ActiveExchanges) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + list.exchanges.count * 512)
        json.beginObject()
        json.key("object")
        json.string("list")
        writeFigures(of: list, to: &json)
        json.key("data")
        json.beginArray()
        for exchange in list.exchanges { write(exchange, to: &json) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    /// What `DELETE /v1/requests/{id}` has ended, as it was.
    /// - Parameter leftOut: others of that id that were not.
    public static func cancelled(_ exchanges: [ActiveExchange], leftOut: Int) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + exchanges.count * 512)
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("cancelled")
        json.integer(exchanges.count)
        json.key("left_out")
        json.integer(leftOut)
        json.key("data")
        json.beginArray()
        for exchange in exchanges { write(exchange, to: &json) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    /// How many there are, and what is not shown; for an object that the caller has begun.
    static func writeFigures(of list: ActiveExchanges, to json: inout JSONWriter) {
        json.key("total")
        json.integer(list.total)
        json.key("left_out")
        json.integer(list.leftOut)
        json.key("silent_loops")
        json.integer(list.silentLoops)
        json.key("phases")
        json.beginObject()
        for phase in ExchangePhase.allCases {
            json.key(phase.rawValue)
            json.integer(list.phases[phase] ?? 0)
        }
        json.endObject()
    }

    /// One of them; at most some 8,000 bytes, whatever the client wrote.
    public static func write(_ exchange: ActiveExchange, to json: inout JSONWriter) {
        func text(_ key: String, _ value: String?) {
            json.key(key)
            if let value { json.string(EntryLimits.cutBytes(value, to: textLimit)) } else { json.null() }
        }
        func count(_ key: String, _ value: UInt64?) {
            json.key(key)
            if let value { json.integer(value) } else { json.null() }
        }
        json.beginObject()
        text("id", exchange.id)
        text("exchange", exchange.key.text)
        text("client", exchange.client)
        text("model", exchange.model)
        text("served_model", exchange.servedModel ?? exchange.model)
        text("backend", exchange.backend)
        text("backend_id", exchange.backendID)
        text("phase", exchange.phase.rawValue)
        count("place", exchange.place.map(UInt64.init))
        count("elapsed_ms", exchange.elapsedMilliseconds)
        count("attempts", UInt64(exchange.attempts))
        text("api", exchange.api)
        text("endpoint", exchange.endpoint)
        json.key("stream")
        json.bool(exchange.stream)
        text("priority", exchange.priority)
        count("tokens", exchange.tokens)
        json.key("tokens_per_second")
        if let speed = exchange.tokensPerSecond { json.number(speed) } else { json.null() }
        count("ttft_ms", exchange.firstDataMilliseconds)
        count("watchers", UInt64(exchange.watchers))
        json.endObject()
    }
}

extension UpdateEncoder {
    /// `ActiveRequests`: the exchanges under way, in as many messages as they need, each a valid one by itself with its number
    /// among them (`part` of `parts`).
    public static func activeRequestsMessages(_ list: ActiveExchanges) -> [[UInt8]] {
        // The figures and the frame around the exchanges.
        let room = messageLimit - 640
        var parts: [[[UInt8]]] = [[]]
        var used = 0
        for exchange in list.exchanges {
            var json = JSONWriter(capacity: 512)
            ContractEncoder.write(exchange, to: &json)
            if used > 0, used + json.bytes.count + 1 > room {
                parts.append([])
                used = 0
            }
            parts[parts.count - 1].append(json.bytes)
            used += json.bytes.count + 1
        }
        return parts.enumerated().map { index, exchanges in
            update("ActiveRequests") { json in
                ContractEncoder.writeFigures(of: list, to: &json)
                json.key("part")
                json.integer(index + 1)
                json.key("parts")
                json.integer(parts.count)
                json.key("requests")
                json.beginArray()
                for exchange in exchanges { json.raw(exchange) }
                json.endArray()
            }
        }
    }

    /// `RequestCancelled`: an operator has ended an exchange, as it was until then.
    public static func requestCancelledMessage(_ exchange: ActiveExchange) -> [UInt8] {
        update("RequestCancelled") { json in
            json.key("request")
            ContractEncoder.write(exchange, to: &json)
        }
    }

    static func update(_ type: String, _ members: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        json.beginObject()
        json.key("update_type")
        json.string(type)
        json.key("data")
        json.beginObject()
        members(&json)
        json.endObject()
        json.endObject()
        return json.bytes
    }
}
