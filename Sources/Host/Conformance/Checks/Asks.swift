import ABIRules
import PluginAPI

/// A client's request.
struct Ask {
    var kind: UInt32 = NEXUS_KIND_CHAT
    var flags: UInt32 = 0
    var model = "check-model"
    var body = ""
    var id = "0123456789abcdef"
    /// Milliseconds of the loop's clock.
    var timeout: UInt64 = 600_000
    /// The deadline that the adapter gets, in milliseconds.
    var deadline: UInt64 = 600_000
    /// Those of the client that an adapter may pass on.
    var headers: [PassedField] = []

    var path: String {
        switch kind {
        case NEXUS_KIND_CHAT: "/v1/chat/completions"
        case NEXUS_KIND_EMBEDDINGS: "/v1/embeddings"
        default: "/v1/completions"
        }
    }

    var isStream: Bool { flags & NEXUS_REQUEST_STREAM != 0 }

    /// For people.
    var words: String {
        let kind =
            switch self.kind {
            case NEXUS_KIND_CHAT: "a chat"
            case NEXUS_KIND_EMBEDDINGS: "embeddings"
            case NEXUS_KIND_COMPLETIONS: "a completion"
            default: "a request of an unknown kind"
            }
        return isStream ? kind + " as a stream" : kind
    }
}

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
