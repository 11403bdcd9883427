import JSON

/// Spans as OTLP/HTTP takes them in JSON (opentelemetry-proto, "OTLP/HTTP"): ids in hexadecimal, 64-bit numbers as text.
public enum OTLPEncoding {
    /// Who sends spans.
    public struct Resource: Sendable, Equatable {
        public var service: String
        public var version: String
        /// Which run of the program.
        public var instance: String

        public init(service: String, version: String, instance: String) {
            self.service = service
            self.version = version
            self.instance = instance
        }
    }

    /// Of the conventions whose names are used.
    static let schema = "https://opentelemetry.io/schemas/1.37.0"

    /// The body of a request.
    public static func request(_ spans: [Span], of resource: Resource) -> [UInt8] {
        var json = JSONWriter(capacity: 512 + 1024 * spans.count)
        json.beginObject()
        json.key("resourceSpans")
        json.beginArray()
        json.beginObject()
        json.key("resource")
        json.beginObject()
        write(
            [
                Span.Attribute(key: "service.name", value: .text(resource.service)),
                Span.Attribute(key: "service.version", value: .text(resource.version)),
                Span.Attribute(key: "service.instance.id", value: .text(resource.instance)),
            ], to: &json)
        json.endObject()
        json.key("scopeSpans")
        json.beginArray()
        json.beginObject()
        json.key("scope")
        json.beginObject()
        text("name", "nexus", to: &json)
        text("version", resource.version, to: &json)
        json.endObject()
        json.key("spans")
        json.beginArray()
        for span in spans { write(span, to: &json) }
        json.endArray()
        text("schemaUrl", schema, to: &json)
        json.endObject()
        json.endArray()
        text("schemaUrl", schema, to: &json)
        json.endObject()
        json.endArray()
        json.endObject()
        return json.bytes
    }

    private static func write(_ span: Span, to json: inout JSONWriter) {
        json.beginObject()
        text("traceId", span.trace.text, to: &json)
        text("spanId", span.id.text, to: &json)
        if let parent = span.parent { text("parentSpanId", parent.text, to: &json) }
        if let state = span.state { text("traceState", state, to: &json) }
        json.key("flags")
        // It is known whether the parent is remote, and whether it is.
        json.integer(UInt32(span.flags) | 0x100 | (span.isParentRemote ? 0x200 : 0))
        text("name", span.name, to: &json)
        json.key("kind")
        json.integer(span.kind.rawValue)
        text("startTimeUnixNano", "\(span.start)", to: &json)
        text("endTimeUnixNano", "\(span.end)", to: &json)
        write(span.attributes, to: &json)
        if !span.events.isEmpty {
            json.key("events")
            json.beginArray()
            for event in span.events {
                json.beginObject()
                text("timeUnixNano", "\(event.time)", to: &json)
                text("name", event.name, to: &json)
                json.endObject()
            }
            json.endArray()
        }
        if let failure = span.failure {
            json.key("status")
            json.beginObject()
            if !failure.isEmpty { text("message", failure, to: &json) }
            json.key("code")
            json.integer(2)
            json.endObject()
        }
        json.endObject()
    }

    private static func write(_ attributes: [Span.Attribute], to json: inout JSONWriter) {
        json.key("attributes")
        json.beginArray()
        for attribute in attributes {
            json.beginObject()
            text("key", attribute.key, to: &json)
            json.key("value")
            json.beginObject()
            switch attribute.value {
            case .text(let value): text("stringValue", value, to: &json)
            case .integer(let value): text("intValue", "\(Int64(clamping: value))", to: &json)
            case .flag(let value):
                json.key("boolValue")
                json.bool(value)
            }
            json.endObject()
            json.endObject()
        }
        json.endArray()
    }

    private static func text(_ key: String, _ value: String, to json: inout JSONWriter) {
        json.key(key)
        json.string(value)
    }
}
