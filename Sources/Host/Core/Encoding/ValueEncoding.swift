import JSON

/// Single values.
extension ContractEncoder {
    /// Runs for every exchange while there are subscribers: writes bytes and makes no strings.
    static func write(_ entry: HistoryEntry, omitted: Omissions = Omissions(), to json: inout JSONWriter) {
        json.beginObject()
        writeMembers(of: entry, to: &json)
        writeRoute(of: entry, to: &json)
        omitted.write(to: &json)
        json.endObject()
    }

    /// One that comes from where its route was kept as the JSON that it is shown as.
    /// - Parameter route: as `route(of:)` gave it.
    public static func write(_ entry: HistoryEntry, route: String?, to json: inout JSONWriter) {
        json.beginObject()
        writeMembers(of: entry, to: &json)
        if let route {
            json.key("route")
            json.raw(Array(route.utf8))
        }
        json.endObject()
    }

    private static func writeMembers(of entry: HistoryEntry, to json: inout JSONWriter) {
        json.key("timestamp")
        json.integer(entry.timestamp)
        json.key("model")
        json.string(entry.model)
        json.key("backend_id")
        json.string(entry.backendID)
        json.key("duration_ms")
        json.integer(entry.durationMilliseconds)
        json.key("status")
        json.string(entry.status.rawValue)
        json.key("error_message")
        write(entry.errorMessage, to: &json)
        json.key("seq")
        json.integer(entry.sequence)
        json.key("instance_id")
        json.string(entry.instance.id)
        json.key("instance_started_at")
        json.integer(entry.instance.startedAt)
        json.key("request_id")
        json.string(entry.requestID)
        json.key("attempts")
        json.integer(entry.attempts)
        json.key("status_code")
        json.integer(entry.statusCode)
        json.key("stream")
        json.bool(entry.stream)
        json.key("ttft_ms")
        write(entry.timeToFirstByteMilliseconds, to: &json)
        json.key("prompt_tokens")
        write(entry.promptTokens, to: &json)
        json.key("completion_tokens")
        write(entry.completionTokens, to: &json)
        json.key("cached_tokens")
        write(entry.cachedTokens, to: &json)
        json.key("tokens_estimated")
        json.bool(entry.tokensEstimated)
        json.key("tokens_per_second")
        write(entry.tokensPerSecond, to: &json)
        json.key("endpoint")
        json.string(entry.endpoint)
        json.key("api")
        json.string(entry.api)
        json.key("client")
        if entry.client.isEmpty { json.null() } else { json.string(entry.client) }
        if let key = entry.key {
            json.key("key")
            json.string(key)
        }
    }

    /// Of the one attempt at the only backend there is nothing to tell.
    private static func hasRoute(_ entry: HistoryEntry) -> Bool {
        entry.route.count > 1 || entry.route.first.map { $0.reason.strategy != nil } ?? false
    }

    /// The member `route` of an entry; nil: it has none.
    public static func route(of entry: HistoryEntry) -> String? {
        guard hasRoute(entry) else { return nil }
        var json = JSONWriter(capacity: 512)
        writeSteps(of: entry, to: &json)
        return String(decoding: json.bytes, as: UTF8.self)
    }

    /// The member `route` of an object that is open.
    private static func writeRoute(of entry: HistoryEntry, to json: inout JSONWriter) {
        guard hasRoute(entry) else { return }
        json.key("route")
        writeSteps(of: entry, to: &json)
    }

    private static func writeSteps(of entry: HistoryEntry, to json: inout JSONWriter) {
        let route = entry.route
        json.beginArray()
        for step in route {
            json.beginObject()
            json.key("backend_id")
            json.string(step.backend)
            if let model = step.model, model != entry.model {
                json.key("model")
                json.string(model)
            }
            json.key("reason")
            json.string(step.reason.text)
            if let score = step.reason.score {
                json.key("score")
                json.number(rounded(score.total))
                json.key("parts")
                write(score, to: &json)
            }
            if let failure = step.failure {
                json.key("error_message")
                json.string(failure)
            }
            json.key("outcome")
            json.string(step.end.rawValue)
            if step.waitedMilliseconds != nil {
                json.key("waited_ms")
                write(step.waitedMilliseconds, to: &json)
            }
            json.endObject()
        }
        json.endArray()
    }

    /// Points by the name of their part.
    public static func write(_ score: RouteScore, to json: inout JSONWriter) {
        json.beginObject()
        for part in RouteScore.Part.allCases {
            json.key(part.name)
            json.number(rounded(score[part]))
        }
        json.endObject()
    }

    static func write(
        _ view: BackendView, omitted: Omissions = Omissions(), removed: Bool = false, to json: inout JSONWriter
    ) {
        json.beginObject()
        json.key("id")
        json.string(view.id)
        json.key("name")
        json.string(view.name)
        json.key("url")
        json.string(view.url)
        json.key("backend_type")
        json.string(view.backendType)
        if let adapter = view.adapter {
            json.key("adapter")
            json.string(adapter)
        }
        json.key("status")
        json.string(view.status.contractWord)
        writeState(of: view, to: &json)
        json.key("last_health_check")
        json.string(Timestamp.text(seconds: view.lastHealthCheck ?? view.addedAt))
        json.key("last_error")
        write(view.lastError, to: &json)
        json.key("models")
        write(view.models, to: &json)
        json.key("priority")
        json.integer(view.priority)
        json.key("pending_requests")
        json.integer(view.pendingRequests)
        json.key("total_requests")
        json.integer(view.totalRequests)
        json.key("avg_latency_ms")
        json.integer(view.averageLatencyMilliseconds.whole(in: 0...Int(Tally.limit)))
        json.key("discovery_source")
        json.string(view.discoverySource)
        json.key("metadata")
        json.beginObject()
        for (key, value) in view.metadata.sorted(by: { $0.key < $1.key }) {
            json.key(key)
            json.string(value)
        }
        json.endObject()
        omitted.write(to: &json)
        if removed {
            json.key("removed")
            json.bool(true)
        }
        json.endObject()
    }

    /// What the status does not say, where there is something.
    private static func writeState(of view: BackendView, to json: inout JSONWriter) {
        if view.state.rawValue != view.status.contractWord {
            json.key("state")
            json.string(view.state.rawValue)
            if let since = view.stateSince {
                json.key("state_since")
                json.string(Timestamp.text(seconds: since))
            }
        }
        if let reason = view.stateReason {
            json.key("state_reason")
            json.string(reason)
        }
        if view.flaps > 0 {
            json.key("flaps")
            json.integer(view.flaps)
        }
    }

    static func write(_ models: [Model], to json: inout JSONWriter) {
        json.beginArray()
        for model in models { write(model, to: &json) }
        json.endArray()
    }

    static func write(_ model: Model, to json: inout JSONWriter) {
        json.beginObject()
        json.key("id")
        json.string(model.id)
        json.key("name")
        json.string(model.name)
        json.key("context_length")
        json.integer(model.contextLength)
        json.key("supports_vision")
        json.bool(model.capabilities.contains(.vision))
        json.key("supports_tools")
        json.bool(model.capabilities.contains(.tools))
        json.key("supports_json_mode")
        json.bool(model.capabilities.contains(.jsonMode))
        json.key("max_output_tokens")
        write(model.maxOutputTokens, to: &json)
        json.key("capabilities")
        write(model.capabilities, to: &json)
        json.endObject()
    }

    static func write(_ capabilities: Capabilities, to json: inout JSONWriter) {
        json.beginObject()
        json.key("vision")
        json.bool(capabilities.contains(.vision))
        json.key("tools")
        json.bool(capabilities.contains(.tools))
        json.key("json_mode")
        json.bool(capabilities.contains(.jsonMode))
        json.endObject()
    }

    static func write(_ text: String?, to json: inout JSONWriter) {
        if let text { json.string(text) } else { json.null() }
    }

    static func write(_ value: UInt64?, to json: inout JSONWriter) {
        if let value { json.integer(value) } else { json.null() }
    }

    static func write(_ value: Double?, to json: inout JSONWriter) {
        if let value, value.isFinite { json.number(rounded(value)) } else { json.null() }
    }

    /// Hundredths are more than anyone reads, and what is not a number has no JSON.
    static func rounded(_ value: Double) -> Double {
        let hundredths = (value * 100).rounded() / 100
        return hundredths.isFinite ? hundredths : 0
    }
}
