import Core
import EventStream
import JSON

/// What the gateway says of actions, in JSON.
enum ActionDocuments {
    private static func object(status: Int = 200, _ members: (inout JSONWriter) -> Void) -> LocalAnswer {
        LocalAnswer(status: status, body: text(members))
    }

    private static func text(_ members: (inout JSONWriter) -> Void) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        members(&json)
        json.endObject()
        return json.bytes
    }

    static func list(_ actions: [BackendAction]) -> LocalAnswer {
        object { json in
            json.key("data")
            json.beginArray()
            for action in actions {
                json.beginObject()
                json.key("name")
                json.string(action.name)
                json.key("help")
                json.string(action.help)
                json.key("destructive")
                json.bool(action.isDestructive)
                json.key("parameters")
                json.value(action.parameters)
                json.key("result")
                json.string(action.givesResult ? "json" : "none")
                json.endObject()
            }
            json.endArray()
        }
    }

    static func records(_ records: [ActionRuns.Record]) -> LocalAnswer {
        object { json in
            json.key("data")
            json.beginArray()
            for record in records {
                json.beginObject()
                ContractEncoder.writeMembers(record.progress, to: &json)
                json.key("started_at")
                json.string(Timestamp.text(seconds: Double(record.startedAt)))
                json.key("duration_ms")
                json.integer(record.milliseconds)
                json.key("result")
                if let result = record.result { json.raw(result) } else { json.null() }
                json.endObject()
            }
            json.endArray()
        }
    }

    /// It runs on without its client.
    static func accepted(_ progress: ActionProgress) -> LocalAnswer {
        object(status: 202) { json in
            json.key("id")
            json.string(progress.id)
            json.key("backend_id")
            json.string(progress.backendID)
            json.key("action")
            json.string(progress.action)
            json.key("status")
            json.string(progress.status.rawValue)
        }
    }

    static func cancelling(_ id: String) -> LocalAnswer {
        object(status: 202) { json in
            json.key("id")
            json.string(id)
            json.key("status")
            json.string("cancelling")
        }
    }

    // MARK: The end

    static func answer(_ end: ActionEnd) -> LocalAnswer {
        if let error = error(end) { return .error(error) }
        return object { writeMembers(end, to: &$0) }
    }

    private static func writeMembers(_ end: ActionEnd, to json: inout JSONWriter) {
        json.key("id")
        json.string(end.progress.id)
        json.key("backend_id")
        json.string(end.progress.backendID)
        json.key("action")
        json.string(end.progress.action)
        json.key("status")
        json.string(end.progress.status.rawValue)
        json.key("result")
        if let result = end.result { json.raw(result) } else { json.null() }
        json.key("duration_ms")
        json.integer(end.milliseconds)
    }

    /// Nil if it succeeded.
    private static func error(_ end: ActionEnd) -> ErrorBody? {
        switch end.progress.status {
        case .running, .succeeded: return nil
        case .cancelled:
            return ErrorBody(
                status: 409, message: "The action was cancelled.", type: "action_error", code: "action_cancelled")
        case .failed:
            let failure = end.failure ?? ExchangeFailure(kind: .adapter, message: "The adapter gave no reason.")
            var error = ErrorBody(failure)
            // 404 and 501 would say that there is no such action here.
            if failure.kind != .rejected && failure.kind != .timeout { error.status = 502 }
            if error.status >= 500 { error.type = "upstream_error" }
            error.retryAfter = nil
            return error
        }
    }

    // MARK: Server-sent events

    static func event(_ progress: ActionProgress) -> [UInt8] {
        event { json in
            json.key("type")
            json.string("progress")
            ContractEncoder.writeMembers(progress, to: &json)
        }
    }

    static func event(_ end: ActionEnd) -> [UInt8] {
        if let error = error(end) { return event(error.json) }
        return event { json in
            json.key("type")
            json.string("result")
            writeMembers(end, to: &json)
        }
    }

    private static func event(_ members: (inout JSONWriter) -> Void) -> [UInt8] { event(text(members)) }

    /// Line ends of a result's JSON text stand between its tokens only, where they mean nothing. What else ends a line for some
    /// readers is escaped.
    private static func event(_ json: [UInt8]) -> [UInt8] {
        EventText.event(LineSeparators.escaped(json.filter { $0 != 0x0A && $0 != 0x0D }))
    }
}
