import JSON

/// Everything that is known of one backend, for who opens it.
public struct BackendDetail: Sendable {
    /// The adapter behind it.
    public struct Adapter: Sendable {
        public var type: String
        public var name: String
        public var version: String
        public var path: String
        /// Of the ABI.
        public var abi: String
        /// In Unix seconds.
        public var loadedAt: Double
        /// A newer one of its type is there; it serves what it has under way.
        public var isReplaced: Bool

        public init(
            type: String, name: String, version: String, path: String, abi: String, loadedAt: Double, isReplaced: Bool
        ) {
            self.type = type
            self.name = name
            self.version = version
            self.path = path
            self.abi = abi
            self.loadedAt = loadedAt
            self.isReplaced = isReplaced
        }
    }

    public var view: BackendView
    public var condition: BackendCondition
    /// Of its attempts, oldest first.
    public var errors: [LastErrors.Item]
    public var trouble: [Trouble]
    /// Nil: there is none.
    public var adapter: Adapter?
    /// The options as JSON, without secrets; nil: they are not known.
    public var options: [UInt8]?
    /// The wall clock in Unix seconds, and the monotonic one in nanoseconds.
    public var now: Double
    public var instant: UInt64

    public init(
        view: BackendView, condition: BackendCondition, errors: [LastErrors.Item], trouble: [Trouble],
        adapter: Adapter?, options: [UInt8]?, now: Double, instant: UInt64
    ) {
        self.view = view
        self.condition = condition
        self.errors = errors
        self.trouble = trouble
        self.adapter = adapter
        self.options = options
        self.now = now
        self.instant = instant
    }

    fileprivate func wall(_ time: UInt64) -> Double { now + (Double(time) - Double(instant)) / 1e9 }
}

extension ContractEncoder {
    /// Models that are told of one by one.
    private static let modelLimit = 1000
    /// Errors of probes and requests together.
    private static let errorLimit = 20

    /// `GET /v1/backends/{id}/detail`.
    public static func detail(_ detail: BackendDetail) -> [UInt8] {
        var json = JSONWriter(capacity: 16_384)
        json.beginObject()
        json.key("object")
        json.string("backend")
        json.key("at")
        json.string(Timestamp.text(seconds: detail.now))
        json.key("backend")
        var view = detail.view
        // They follow with more about each.
        view.models = []
        write(view, to: &json)
        writeState(detail, to: &json)
        writeProbes(detail, to: &json)
        writeErrors(detail, to: &json)
        writeBreaker(detail, to: &json)
        writeLoad(detail, to: &json)
        writeModels(detail.condition.models, to: &json)
        writeAdapter(detail, to: &json)
        writeRests(detail, to: &json)
        json.key("trouble")
        json.beginArray()
        for trouble in detail.trouble { write(trouble, now: detail.now, to: &json) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    private static func time(_ key: String, _ seconds: Double?, to json: inout JSONWriter) {
        json.key(key)
        if let seconds { json.string(Timestamp.text(seconds: seconds)) } else { json.null() }
    }

    private static func count(_ key: String, _ value: Int?, to json: inout JSONWriter) {
        json.key(key)
        if let value { json.integer(value) } else { json.null() }
    }

    private static func writeState(_ detail: BackendDetail, to json: inout JSONWriter) {
        let past = detail.condition.past
        json.key("state")
        json.beginObject()
        json.key("name")
        json.string(detail.condition.state.rawValue)
        time("since", past.stateSince, to: &json)
        json.key("reason")
        write(detail.condition.reason, to: &json)
        json.key("note")
        write(detail.condition.stateReason, to: &json)
        time("failing_since", past.failingSince, to: &json)
        time("added_at", detail.condition.addedAt, to: &json)
        json.endObject()
        let flaps = past.flaps.recent(now: detail.instant)
        json.key("flaps")
        json.beginObject()
        count("last_hour", flaps.count, to: &json)
        json.key("total")
        json.integer(past.flaps.total)
        time("first", flaps.count > 0 ? detail.wall(flaps.first) : nil, to: &json)
        time("last", flaps.count > 0 ? detail.wall(flaps.last) : nil, to: &json)
        json.endObject()
    }

    private static func writeProbes(_ detail: BackendDetail, to json: inout JSONWriter) {
        json.key("probes")
        json.beginObject()
        count("slot_seconds", Int(ProbeStrip.slotLength / 1_000_000_000), to: &json)
        count("slots", ProbeStrip.slotLimit, to: &json)
        json.key("data")
        json.beginArray()
        for slot in detail.condition.past.probes.slots(now: detail.instant) {
            json.beginObject()
            time("from", detail.wall(slot.began), to: &json)
            json.key("outcome")
            json.string(slot.worst.name)
            for outcome in ProbeStrip.Outcome.allCases {
                count(outcome.name, Int(slot.counts[Int(outcome.rawValue)]), to: &json)
            }
            json.key("latency_ms")
            write(slot.latencyMilliseconds, to: &json)
            json.key("error")
            write(slot.error, to: &json)
            json.endObject()
        }
        json.endArray()
        json.endObject()
    }

    /// Newest first.
    private static func writeErrors(_ detail: BackendDetail, to json: inout JSONWriter) {
        typealias Told = (at: Double, write: (inout JSONWriter) -> Void)
        let probes = detail.condition.past.probes.failures.map { failure -> Told in
            (
                detail.wall(failure.instant),
                { json in
                    json.key("source")
                    json.string("probe")
                    json.key("message")
                    json.string(failure.message)
                    json.key("count")
                    json.integer(failure.count)
                }
            )
        }
        let requests = detail.errors.map { error -> Told in
            (
                Double(error.at),
                { json in
                    json.key("source")
                    json.string("request")
                    json.key("message")
                    json.string(error.message)
                    json.key("count")
                    json.integer(1)
                    json.key("request_id")
                    json.string(error.requestID)
                    json.key("model")
                    json.string(error.model)
                    json.key("status_code")
                    json.integer(error.statusCode)
                    json.key("counts_against_backend")
                    json.bool(error.isBlamed)
                }
            )
        }
        json.key("errors")
        json.beginArray()
        for error in (requests.reversed() + probes.reversed()).sorted(by: { $0.at > $1.at }).prefix(errorLimit) {
            json.beginObject()
            time("at", error.at, to: &json)
            error.write(&json)
            json.endObject()
        }
        json.endArray()
    }

    private static func writeBreaker(_ detail: BackendDetail, to json: inout JSONWriter) {
        let counters = detail.condition.counters
        let reading = counters.breaker.reading(successes: counters.successes, now: detail.instant)
        json.key("breaker")
        json.beginObject()
        json.key("state")
        var triesAgain: Double?
        switch reading.phase {
        case .closed: json.string("closed")
        case .open(let until):
            json.string("open")
            triesAgain = detail.wall(until)
        case .halfOpen: json.string("half_open")
        }
        json.key("reason")
        write(counters.breaker.trouble, to: &json)
        time("tries_again_at", triesAgain, to: &json)
        json.key("window")
        json.beginObject()
        json.key("attempts")
        json.integer(reading.attempts)
        json.key("failures")
        json.integer(reading.failures)
        json.key("error_rate")
        write(reading.attempts > 0 ? Double(reading.failures) / Double(reading.attempts) : nil, to: &json)
        json.endObject()
        json.key("openings")
        json.integer(reading.openings)
        let run = counters.failureRun
        count("failures_in_a_row", run.count, to: &json)
        time("failing_since", run.count > 0 ? detail.wall(run.since) : nil, to: &json)
        json.endObject()
    }

    private static func writeLoad(_ detail: BackendDetail, to json: inout JSONWriter) {
        let (condition, counters) = (detail.condition, detail.condition.counters)
        json.key("limits")
        json.beginObject()
        count("max_concurrent", condition.identity.maxConcurrent, to: &json)
        count("in_flight", counters.inFlight, to: &json)
        count("priority", condition.identity.priority, to: &json)
        json.key("attempts")
        json.integer(counters.total)
        json.key("failures")
        json.integer(counters.failures)
        json.key("successes")
        json.integer(counters.successes)
        json.endObject()
        json.key("load")
        guard let load = condition.past.load else { return json.null() }
        json.beginObject()
        time("at", load.at, to: &json)
        count("slots", load.told.slots, to: &json)
        count("running", load.told.running, to: &json)
        count("waiting", load.told.waiting, to: &json)
        json.key("cache_use")
        write(load.told.cacheUse, to: &json)
        json.endObject()
    }

    private static func writeModels(_ models: [Model], to json: inout JSONWriter) {
        json.key("models")
        json.beginArray()
        for model in models.prefix(modelLimit) { writeWhole(model, to: &json) }
        json.endArray()
        count("models_omitted", max(0, models.count - modelLimit), to: &json)
    }

    private static let abilities: [(name: String, bit: Capabilities)] = [
        ("vision", .vision), ("tools", .tools), ("json_mode", .jsonMode), ("thinking", .thinking),
        ("embedding", .embedding), ("completion", .completion),
    ]

    /// With all that its server tells of it; null is what is not known.
    private static func writeWhole(_ model: Model, to json: inout JSONWriter) {
        json.beginObject()
        json.key("id")
        json.string(model.id)
        json.key("name")
        json.string(model.name)
        json.key("loaded")
        if let isLoaded = model.isLoaded { json.bool(isLoaded) } else { json.null() }
        json.key("loaded_until")
        switch model.loadedUntil {
        case .time(let seconds): json.string(Timestamp.text(seconds: Double(seconds)))
        case .forever: json.string("forever")
        case nil: json.null()
        }
        json.key("size")
        write(model.size, to: &json)
        json.key("memory")
        write(model.memory, to: &json)
        json.key("device_memory")
        write(model.deviceMemory, to: &json)
        json.key("context_length")
        write(model.contextLength > 0 ? model.contextLength : nil, to: &json)
        json.key("max_output_tokens")
        write(model.maxOutputTokens, to: &json)
        json.key("abilities")
        json.beginObject()
        for (name, bit) in abilities {
            json.key(name)
            if model.told.contains(bit) { json.bool(model.capabilities.contains(bit)) } else { json.null() }
        }
        json.endObject()
        json.key("details")
        json.beginObject()
        for (key, value) in model.details.sorted(by: { $0.key < $1.key }) {
            json.key(key)
            json.string(value)
        }
        json.endObject()
        json.endObject()
    }

    private static func writeAdapter(_ detail: BackendDetail, to json: inout JSONWriter) {
        json.key("adapter")
        if let adapter = detail.adapter {
            json.beginObject()
            for (key, value) in [
                ("type", adapter.type), ("name", adapter.name), ("version", adapter.version), ("path", adapter.path),
                ("abi", adapter.abi),
            ] {
                json.key(key)
                json.string(value)
            }
            time("loaded_at", adapter.loadedAt, to: &json)
            json.key("replaced")
            json.bool(adapter.isReplaced)
            json.endObject()
        } else {
            json.null()
        }
        json.key("options")
        if let options = detail.options { json.raw(options) } else { json.null() }
    }

    private static func writeRests(_ detail: BackendDetail, to json: inout JSONWriter) {
        json.key("rests")
        json.beginArray()
        for rest in detail.condition.counters.restList(now: detail.instant) {
            json.beginObject()
            json.key("model")
            write(rest.model, to: &json)
            time("since", detail.wall(rest.since), to: &json)
            time("until", detail.wall(rest.until), to: &json)
            json.endObject()
        }
        json.endArray()
    }
}
