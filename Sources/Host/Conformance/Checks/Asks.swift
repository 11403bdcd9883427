import JSON
import PluginAPI

/// What clients ask for.
enum Asks {
    static func plain(_ kind: UInt32, stream: Bool, usage: Bool = true) -> Ask {
        var ask = Ask(kind: kind)
        let isStream = stream && kind != NEXUS_KIND_EMBEDDINGS
        var body = #"{"model":"check-model","#
        if isStream {
            ask.flags |= NEXUS_REQUEST_STREAM
            body += #""stream":true,"#
            if usage {
                ask.flags |= NEXUS_REQUEST_INCLUDE_USAGE
                body += #""stream_options":{"include_usage":true},"#
            }
        }
        switch kind {
        case NEXUS_KIND_CHAT: body += #""messages":[{"role":"user","content":"Say hello."}]}"#
        case NEXUS_KIND_EMBEDDINGS: body += #""input":["one","two"]}"#
        default: body += #""prompt":"Say hello."}"#
        }
        ask.body = body
        return ask
    }

    /// Requests that are well-formed and still hard: each with what is hard about it.
    static func awkward(_ kind: UInt32) -> [(name: String, ask: Ask)] {
        let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        let long = String(repeating: "x", count: 100_000)
        let texts = [
            ("escapes", #""\"\\\/\b\f\n\r\t\u0000\u001f\u2028""#), ("surrogates", #""\ud83d\udc4b \ud800 \udc00""#),
            ("an empty text", #""""#), ("a long text", "\"\(long)\""), ("null", "null"), ("a number", "42"),
            ("deep nesting", "{\"deep\":\(deep)}"),
        ]
        var asks = texts.map { ($0.0, with(kind, value: $0.1)) }
        for (name, members) in [
            ("nothing but the model", ""), ("empty messages", #","messages":[],"prompt":[],"input":[]"#),
            (
                "unknown members",
                #","messages":[{"role":"user","content":"x"}],"prompt":"x","input":"x","zz":{"a":[1,{}]}"#
            ),
            (
                "doubled members",
                #","messages":[{"role":"user","content":"x"}],"messages":[],"prompt":"x","prompt":"y","input":"x","input":"y""#
            ),
            (
                "members of wrong types",
                #","messages":"no","prompt":{},"input":{},"temperature":"hot","stream_options":7"#
            ),
        ] {
            asks.append((name, Ask(kind: kind, body: "{\"model\":\"check-model\"\(members)}")))
        }
        return asks
    }

    private static func with(_ kind: UInt32, value: String) -> Ask {
        let member =
            switch kind {
            case NEXUS_KIND_CHAT: "\"messages\":[{\"role\":\"user\",\"content\":\(value)}]"
            case NEXUS_KIND_EMBEDDINGS: "\"input\":[\(value)]"
            default: "\"prompt\":\(value)"
            }
        return Ask(kind: kind, body: "{\"model\":\"check-model\",\(member)}")
    }
}

/// What a client gets, taken apart.
enum Answer {
    /// The whole answer, which must be a JSON object.
    static func object(_ task: ScriptedTask) throws -> JSONValue {
        guard let value = try? JSONValue.parse(task.written), value.object != nil else {
            throw CheckStop.failed("the answer is no JSON object: \(excerpt(task.written))")
        }
        return value
    }

    /// The events of a stream before the end mark, which must be there once, at the end.
    static func events(_ task: ScriptedTask) throws -> [JSONValue] {
        var events: [JSONValue] = []
        var isEnded = false
        let lines = task.text.split(omittingEmptySubsequences: true) { $0 == "\n" || $0 == "\r\n" || $0 == "\r" }
        for line in lines where !line.hasPrefix(":") {
            guard line.hasPrefix("data:") else {
                if line.hasPrefix("event:") || line.hasPrefix("id:") || line.hasPrefix("retry:") { continue }
                throw CheckStop.failed("a line of the stream is no event: \(excerpt(Array(line.utf8)))")
            }
            let data = line.dropFirst(5).drop { $0 == " " }
            try require(!isEnded, "an event follows the end mark: \(excerpt(Array(line.utf8)))")
            if data == "[DONE]" {
                isEnded = true
            } else if let value = try? JSONValue.parse(String(data)) {
                events.append(value)
            } else {
                throw CheckStop.failed("an event is not JSON: \(excerpt(Array(line.utf8)))")
            }
        }
        try require(isEnded, "the stream has no end mark (data: [DONE])")
        return events
    }

    /// The generated text of a whole answer or of a stream's events.
    static func text(_ values: [JSONValue]) -> String {
        values.map { value in
            let choice = value["choices"]?[0]
            return choice?["message"]?["content"]?.string ?? choice?["delta"]?["content"]?.string
                ?? choice?["text"]?.string ?? ""
        }.joined()
    }

    static func excerpt(_ bytes: [UInt8]) -> String {
        let text = String(decoding: bytes.prefix(80), as: UTF8.self)
        let clean = text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }
        return "\"\(String(String.UnicodeScalarView(clean)))\(bytes.count > 80 ? "…" : "")\""
    }
}
