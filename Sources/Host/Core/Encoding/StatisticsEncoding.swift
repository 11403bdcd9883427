import JSON

extension ContractEncoder {
    static func write(_ statistics: Statistics, omitted: Omissions = Omissions(), to json: inout JSONWriter) {
        json.beginObject()
        json.key("uptime_seconds")
        json.integer(statistics.uptimeSeconds)
        json.key("requests")
        write(statistics.requests, to: &json)
        json.key("backends")
        json.beginArray()
        for backend in statistics.backends {
            json.beginObject()
            json.key("id")
            json.string(backend.id)
            json.key("name")
            json.string(backend.name)
            json.key("requests")
            json.integer(backend.requests)
            json.key("average_latency_ms")
            json.number(rounded(backend.averageLatencyMilliseconds))
            json.key("pending")
            json.integer(backend.pending)
            write(backend.tokens, to: &json)
            json.endObject()
        }
        json.endArray()
        json.key("models")
        write(statistics.models, to: &json)
        json.key("former_models")
        write(statistics.formerModels, to: &json)
        json.key("other_models")
        write(statistics.otherModels, to: &json)
        json.key("quality")
        json.beginArray()
        for pair in statistics.quality { write(pair, to: &json) }
        json.endArray()
        json.key("quality_omitted")
        json.integer(statistics.qualityOmitted)
        if !statistics.keys.isEmpty {
            json.key("keys")
            json.beginArray()
            for key in statistics.keys {
                json.beginObject()
                json.key("name")
                json.string(key.name)
                json.key("role")
                json.string(key.role.rawValue)
                json.key("usage")
                KeyEncoding.write(key.figures, to: &json)
                json.endObject()
            }
            json.endArray()
        }
        omitted.write(to: &json)
        json.endObject()
    }

    private static func write(_ pair: QualityFigures.Pair, to json: inout JSONWriter) {
        json.beginObject()
        json.key("backend_id")
        json.string(pair.backend)
        json.key("model")
        json.string(pair.model)
        for (name, sums) in zip(QualityWindows.names, pair.sums) {
            json.key(name)
            json.beginObject()
            json.key("requests")
            json.integer(sums.attempts)
            json.key("error_rate")
            json.number((sums.errorRate * 10_000).rounded() / 10_000)
            json.key("average_ttft_ms")
            write(sums.timeToFirstTokenMilliseconds, to: &json)
            json.key("tokens_per_second")
            write(sums.tokensPerSecond, to: &json)
            json.endObject()
        }
        json.endObject()
    }

    private static func write(_ models: [Statistics.Model], to json: inout JSONWriter) {
        json.beginArray()
        for model in models { write(model, to: &json) }
        json.endArray()
    }

    private static func write(_ model: Statistics.Model, to json: inout JSONWriter) {
        json.beginObject()
        json.key("name")
        json.string(model.name)
        json.key("requests")
        json.integer(model.requests)
        json.key("average_duration_ms")
        json.number(rounded(model.averageDurationMilliseconds))
        write(model.tokens, to: &json)
        json.endObject()
    }

    /// Members of an object that is open.
    private static func write(_ tokens: TokenFigures, to json: inout JSONWriter) {
        json.key("prompt_tokens")
        json.integer(tokens.prompt.value)
        json.key("completion_tokens")
        json.integer(tokens.completion.value)
        json.key("cached_tokens")
        json.integer(tokens.cached.value)
        json.key("average_ttft_ms")
        write(tokens.timeToFirstTokenMilliseconds, to: &json)
        json.key("tokens_per_second")
        write(tokens.tokensPerSecond, to: &json)
    }

    private static func write(_ requests: Statistics.Requests, to json: inout JSONWriter) {
        json.beginObject()
        json.key("total")
        json.integer(requests.total)
        json.key("success")
        json.integer(requests.success)
        json.key("errors")
        json.integer(requests.errors)
        json.key("error_rate")
        json.number(requests.errorRate)
        json.endObject()
    }
}

extension Statistics.Requests {
    /// Share of requests that failed, from 0 to 1 in steps of a ten-thousandth; 0 before the first request.
    public var errorRate: Double {
        total == 0 ? 0 : (Double(errors) / Double(total) * 10_000).rounded() / 10_000
    }
}
