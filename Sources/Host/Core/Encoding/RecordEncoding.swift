import JSON
import NIOCore

/// The JSON of one exchange, over or under way, for its time line.
extension ContractEncoder {
    /// `GET /v1/requests/{id}` of one that has ended.
    /// - Parameter others: of the same id, which clients may choose: their places in the order of completion.
    public static func record(_ entry: HistoryEntry, others: [UInt64]) -> [UInt8] {
        record(entry, others: others) { write(entry, to: &$0) }
    }

    /// The same of one that is on disk: without events, as their times are not kept there.
    /// - Parameter route: of its record; nil: it has none.
    public static func record(_ entry: HistoryEntry, route: String?, others: [UInt64]) -> [UInt8] {
        record(entry, others: others) { write(entry, route: route, to: &$0) }
    }

    private static func record(
        _ entry: HistoryEntry, others: [UInt64], _ write: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var json = JSONWriter(capacity: 2048)
        json.beginObject()
        json.key("object")
        json.string("request")
        json.key("state")
        json.string("ended")
        json.key("record")
        write(&json)
        json.key("request_bytes")
        Self.write(entry.requestBytes == 0 ? nil : entry.requestBytes, to: &json)
        json.key("answer_bytes")
        Self.write(entry.answerBytes == 0 ? nil : entry.answerBytes, to: &json)
        json.key("events")
        json.beginArray()
        if let timeline = entry.timeline {
            var attempts = 0
            for event in timeline.entries {
                if case .attemptStarted = event.event { attempts += 1 }
                Self.write(
                    event.event, milliseconds: milliseconds(event.time - timeline.arrival), attempt: attempts - 1,
                    to: &json)
            }
        }
        json.endArray()
        json.key("others")
        json.beginArray()
        for sequence in others { json.integer(sequence) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    /// The same of one that is under way.
    public static func record(_ exchange: ActiveExchange) -> [UInt8] {
        var json = JSONWriter(capacity: 1024)
        json.beginObject()
        json.key("object")
        json.string("request")
        json.key("state")
        json.string("active")
        json.key("active")
        write(exchange, to: &json)
        json.endObject()
        return json.bytes
    }

    /// With three digits behind the point: microseconds.
    private static func milliseconds(_ time: TimeAmount) -> Double {
        (Double(max(0, time.nanoseconds)) / 1000).rounded() / 1000
    }

    /// - Parameter attempt: the one that began last, counted from 0.
    private static func write(
        _ event: ExchangeEvent, milliseconds: Double, attempt: Int, to json: inout JSONWriter
    ) {
        json.beginObject()
        json.key("at_ms")
        json.number(milliseconds)
        json.key("event")
        switch event {
        case .arrived: json.string("arrived")
        case .queued: json.string("queued")
        case .connected: json.string("connected")
        case .firstByte: json.string("first_byte")
        case .committed: json.string("committed")
        case .lastByte: json.string("last_byte")
        case .attemptLeads(let attempt):
            json.string("attempt_leads")
            json.key("attempt")
            json.integer(attempt)
        case .attemptLeft(let attempt):
            json.string("attempt_left")
            json.key("attempt")
            json.integer(attempt)
        case .modelLeft(let model):
            json.string("model_left")
            json.key("model")
            json.string(model)
        case .attemptStarted(let backend, let reason):
            json.string("attempt")
            json.key("attempt")
            json.integer(attempt)
            json.key("backend_id")
            json.string(backend)
            json.key("reason")
            json.string(reason.text)
            json.key("candidates")
            json.integer(reason.candidates)
            if let score = reason.score {
                json.key("score")
                json.number(rounded(score.total))
                json.key("parts")
                write(score, to: &json)
            }
        case .attemptFailed(let failure):
            json.string("attempt_failed")
            json.key("attempt")
            json.integer(failure.attempt)
            json.key("backend_id")
            json.string(failure.backend)
            json.key("error_message")
            json.string(failure.message)
            json.key("counts_against_backend")
            json.bool(failure.isBlamed)
        case .ended(let end):
            json.string("ended")
            json.key("status_code")
            json.integer(end.code)
            json.key("error_message")
            write(end.message, to: &json)
        }
        json.endObject()
    }
}
