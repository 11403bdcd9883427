import EventStream
import JSON

/// Events of a stream of Anthropic's, as bytes: `event:` and the type in the data are always the same.
enum AnthropicEvent {
    static func messageStart(_ head: AnthropicMessageHead, _ usage: AnthropicUsage, into out: inout [UInt8]) {
        let message = head.message(content: [], outcome: nil, usage: usage)
        append("message_start", into: &out) { writer in
            writer.key("message")
            writer.value(message)
        }
    }

    static func blockStart(_ index: Int, _ block: JSONValue, into out: inout [UInt8]) {
        append("content_block_start", into: &out) { writer in
            writer.key("index")
            writer.integer(index)
            writer.key("content_block")
            writer.value(block)
        }
    }

    /// - Parameters:
    ///   - type: the type of the delta.
    ///   - name: the member that holds the text.
    static func blockDelta(_ index: Int, _ type: String, _ name: String, _ text: String, into out: inout [UInt8]) {
        append("content_block_delta", into: &out) { writer in
            writer.key("index")
            writer.integer(index)
            writer.key("delta")
            writer.beginObject()
            writer.key("type")
            writer.string(type)
            writer.key(name)
            writer.string(text)
            writer.endObject()
        }
    }

    static func blockStop(_ index: Int, into out: inout [UInt8]) {
        append("content_block_stop", into: &out) { writer in
            writer.key("index")
            writer.integer(index)
        }
    }

    static func messageDelta(_ outcome: AnthropicStop.Outcome, _ usage: AnthropicUsage, into out: inout [UInt8]) {
        append("message_delta", into: &out) { writer in
            writer.key("delta")
            writer.value([
                "stop_reason": .string(outcome.reason),
                "stop_sequence": outcome.sequence.map { .string($0) } ?? .null,
            ])
            writer.key("usage")
            writer.value(usage.json)
        }
    }

    static func messageStop(into out: inout [UInt8]) { append("message_stop", into: &out) { _ in } }

    /// - Parameter members: writes the members beside the type.
    private static func append(_ type: String, into out: inout [UInt8], _ members: (inout JSONWriter) -> Void) {
        var writer = JSONWriter(capacity: 160)
        writer.beginObject()
        writer.key("type")
        writer.string(type)
        members(&writer)
        writer.endObject()
        EventText.append(writer.bytes, name: type, to: &out)
    }
}

/// The event that shows Anthropic's clients that a stream goes on.
public enum AnthropicPing {
    public static let event = EventText.event(Array(#"{"type":"ping"}"#.utf8), name: "ping")
}
