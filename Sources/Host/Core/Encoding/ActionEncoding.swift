import JSON

extension UpdateEncoder {
    /// `ActionProgress`: how an action stands. One that would not fit loses the ends of its texts.
    public static func actionProgressMessage(_ progress: ActionProgress) -> [UInt8] {
        var message = encoded(progress, omitted: Omissions())
        for limit in TextCutter.limits where message.count > messageLimit {
            var cutter = TextCutter(limit: limit, omitted: Omissions())
            var short = progress
            short.message = progress.message.map { cutter.cut($0, member: "message") }
            short.error = progress.error.map { cutter.cut($0, member: "error") }
            short.backendID = cutter.cut(progress.backendID, member: "backend_id")
            message = encoded(short, omitted: cutter.omitted)
        }
        return message
    }

    private static func encoded(_ progress: ActionProgress, omitted: Omissions) -> [UInt8] {
        var json = JSONWriter(capacity: 512)
        json.beginObject()
        json.key("update_type")
        json.string("ActionProgress")
        json.key("data")
        json.beginObject()
        ContractEncoder.writeMembers(progress, to: &json)
        omitted.write(to: &json)
        json.endObject()
        json.endObject()
        return json.bytes
    }
}

extension ContractEncoder {
    /// The members of an action's progress, for an object that the caller has begun.
    public static func writeMembers(_ progress: ActionProgress, to json: inout JSONWriter) {
        func text(_ key: String, _ value: String?) {
            json.key(key)
            if let value { json.string(value) } else { json.null() }
        }
        func count(_ key: String, _ value: UInt64?) {
            json.key(key)
            if let value { json.integer(value) } else { json.null() }
        }
        text("id", progress.id)
        text("backend_id", progress.backendID)
        text("action", progress.action)
        text("status", progress.status.rawValue)
        count("done", progress.done)
        count("total", progress.total)
        json.key("fraction")
        if let fraction = progress.fraction { json.number(fraction) } else { json.null() }
        text("message", progress.message)
        text("error", progress.error)
    }
}
