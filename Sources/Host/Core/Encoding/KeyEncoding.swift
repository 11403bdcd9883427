import JSON

/// The JSON of keys: what they may do and what was done by them; never a key, nor its hash.
public enum KeyEncoding {
    /// `GET /v1/keys`.
    /// - Parameters:
    ///   - now: nanoseconds of the monotonic clock.
    ///   - wall: Unix seconds.
    public static func list(_ keyring: Keyring, now: UInt64, wall: Int64) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + keyring.keys.count * 512)
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("required")
        json.bool(keyring.isRequired)
        json.key("data")
        write(keyring, now: now, wall: wall, to: &json)
        json.endObject()
        return json.bytes
    }

    /// Keys alone, without what was used.
    public static func rules(_ rules: [KeyRule]) -> [UInt8] {
        var json = JSONWriter()
        json.beginArray()
        for rule in rules { writeRule(rule, to: &json) }
        json.endArray()
        return json.bytes
    }

    static func write(_ keyring: Keyring, now: UInt64, wall: Int64, to json: inout JSONWriter) {
        json.beginArray()
        for key in keyring.keys {
            json.beginObject()
            writeMembers(key.rule, to: &json)
            json.key("expired")
            json.bool(key.rule.isExpired(at: wall))
            json.key("usage")
            write(key.usage.figures(now: now), to: &json)
            json.endObject()
        }
        json.endArray()
    }

    static func writeRule(_ rule: KeyRule, to json: inout JSONWriter) {
        json.beginObject()
        writeMembers(rule, to: &json)
        json.endObject()
    }

    private static func writeMembers(_ rule: KeyRule, to json: inout JSONWriter) {
        json.key("name")
        json.string(rule.name)
        json.key("role")
        json.string(rule.role.rawValue)
        json.key("expires")
        if let expires = rule.expires { json.string(Timestamp.text(seconds: Double(expires))) } else { json.null() }
        for (name, list) in [("models", rule.scope.models), ("backends", rule.scope.backends)] {
            json.key(name)
            json.beginArray()
            for pattern in list { json.string(pattern) }
            json.endArray()
        }
        let limits = rule.limits
        for (limit, value) in [
            (LimitReached.Limit.requestsPerMinute, limits.requestsPerMinute), (.requestsPerDay, limits.requestsPerDay),
            (.tokensPerMinute, limits.tokensPerMinute), (.tokensPerDay, limits.tokensPerDay),
            (.maxConcurrent, limits.maxConcurrent),
        ] {
            json.key(limit.rawValue)
            if let value { json.integer(value) } else { json.null() }
        }
        json.key("max_priority")
        json.string(rule.maxPriority.rawValue)
    }

    static func write(_ figures: KeyUsage.Figures, to json: inout JSONWriter) {
        json.beginObject()
        for (name, value) in [
            ("requests", figures.requests), ("refused", figures.refused), ("prompt_tokens", figures.promptTokens),
            ("completion_tokens", figures.completionTokens), ("requests_in_minute", figures.requestsInMinute),
            ("requests_in_day", figures.requestsInDay), ("tokens_in_minute", figures.tokensInMinute),
            ("tokens_in_day", figures.tokensInDay),
        ] {
            json.key(name)
            json.integer(value)
        }
        json.key("active")
        json.integer(figures.active)
        json.key("last_used")
        if let used = figures.lastUsed { json.string(Timestamp.text(seconds: Double(used))) } else { json.null() }
        json.endObject()
    }
}
