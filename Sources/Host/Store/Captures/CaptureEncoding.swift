import Core
import JSON

/// The JSON of captures; see docs/captures.md.
public enum CaptureEncoding {
    /// `GET /v1/captures`: without bodies.
    public static func json(_ page: CapturePage) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + page.captures.count * 512)
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("data")
        json.beginArray()
        for stored in page.captures { write(stored, bodies: false, to: &json) }
        json.endArray()
        json.key("next_before")
        if let next = page.next { json.string("\(next)") } else { json.null() }
        json.endObject()
        return json.bytes
    }

    /// `GET /v1/captures/{id}`: with them.
    public static func json(_ stored: StoredCapture) -> [UInt8] {
        var json = JSONWriter(capacity: 1024 + stored.capture.request.bytes.count + stored.capture.answer.bytes.count)
        write(stored, bodies: true, to: &json)
        return json.bytes
    }

    private static func write(_ stored: StoredCapture, bodies: Bool, to json: inout JSONWriter) {
        let capture = stored.capture
        json.beginObject()
        func text(_ name: String, _ value: String?) {
            json.key(name)
            if let value { json.string(value) } else { json.null() }
        }
        text("id", capture.id)
        json.key("timestamp")
        json.integer(capture.endedAt)
        text("request_id", capture.requestID)
        text("key", capture.key)
        text("client", capture.client.isEmpty ? nil : capture.client)
        text("endpoint", capture.endpoint)
        text("model", capture.model)
        text("backend_id", capture.backend)
        json.key("status_code")
        json.integer(capture.status)
        text("status", (capture.failed ? HistoryEntry.Status.error : .success).rawValue)
        json.key("stream")
        json.bool(capture.stream)
        json.key("duration_ms")
        json.integer(capture.milliseconds)
        json.key("encrypted")
        json.bool(stored.sealedBy != nil)
        for (name, body) in [("request", capture.request), ("answer", capture.answer)] {
            json.key(name)
            write(body, bytes: bodies, to: &json)
        }
        json.endObject()
    }

    private static func write(_ body: Capture.Body, bytes: Bool, to json: inout JSONWriter) {
        json.beginObject()
        json.key("content_type")
        json.string(body.type)
        json.key("bytes")
        json.integer(body.total)
        json.key("cut")
        json.bool(body.isCut)
        json.key("redacted")
        json.bool(body.isRedacted)
        json.key("problem")
        if let problem = body.problem { json.string(problem) } else { json.null() }
        if bytes, body.problem == nil {
            // What is no text comes in the form that JSON has for bytes.
            if let text = String(validating: body.bytes, as: UTF8.self) {
                json.key("text")
                json.string(text)
            } else {
                json.key("base64")
                json.string(Base64Text.encoded(body.bytes))
            }
        }
        json.endObject()
    }
}
