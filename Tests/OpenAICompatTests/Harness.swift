import PluginAPI

@testable import FakeHost
@testable import OpenAICompat

/// A backend of the adapter at the fake host.
func backend(
    _ options: JSONObject = JSONObject(), url: String = "http://server:8080", key: String = "", keys: [String] = []
) throws -> OpenAIBackend {
    try OpenAIBackend(
        BackendConfiguration(name: "one", url: url, apiKeys: key.isEmpty ? keys : [key] + keys, options: options),
        host: Host(FakeHost.table),
        reports: Reports(FakeHost.callbacks))
}

/// An exchange that was submitted, and the adapter's request for it.
struct Submitted {
    let host: FakeHost
    let task: UInt64
    let upstream: FakeHost.Request
    var exchange: FakeHost.Exchange { host.exchanges[task] ?? FakeHost.Exchange() }

    init(
        _ host: FakeHost, to backend: OpenAIBackend, kind: UInt32 = NEXUS_KIND_CHAT, stream: Bool = false,
        usage: Bool = true, path: String = "", type: String = "", headers: [(name: String, value: String)] = [],
        body: String = #"{"model":"m"}"#
    ) throws {
        self.host = host
        let task = host.newTask()
        self.task = task
        let status = lend(body) { body in
            lend(path) { path in
                lend(type) { type in
                    var request = nexus_request()
                    request.struct_size = UInt32(MemoryLayout<nexus_request>.size)
                    request.kind = kind
                    request.flags = stream ? NEXUS_REQUEST_STREAM | (usage ? NEXUS_REQUEST_INCLUDE_USAGE : 0) : 0
                    request.body = body
                    request.path = path
                    request.content_type = type
                    return lend(headers) { headers in
                        request.headers = headers.baseAddress
                        request.header_count = headers.count
                        return backend.submit(ExchangeTask(handle: task, host: Host(FakeHost.table)), request)
                    }
                }
            }
        }
        struct NotStarted: Error { let status: Int32 }
        guard status == NEXUS_OK, let upstream = host.requests.last else { throw NotStarted(status: status) }
        self.upstream = upstream
    }
}

/// A whole exchange: submitted, answered by `play`, looked at.
func answered(
    stream: Bool = false, usage: Bool = true, kind: UInt32 = NEXUS_KIND_CHAT, path: String = "", type: String = "",
    _ play: (FakeHost.Request) -> Void
) throws -> FakeHost.Exchange {
    var result = FakeHost.Exchange()
    try FakeHost.run { host in
        let submitted = try Submitted(
            host, to: backend(), kind: kind, stream: stream, usage: usage, path: path, type: type)
        play(submitted.upstream)
        result = submitted.exchange
    }
    return result
}

let eventStream = [("Content-Type", "text/event-stream; charset=utf-8")]
let json = [("Content-Type", "application/json")]

func chunk(_ text: String) -> String {
    #"data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"\#(text)"},"finish_reason":null}]}"#
}
let finished =
    #"data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#
let usage =
    #"data: {"choices":[],"usage":{"prompt_tokens":11,"completion_tokens":7,"total_tokens":18,"prompt_tokens_details":{"cached_tokens":4}}}"#

func transcript(_ lines: [String], separator: String = "\n\n") -> [UInt8] {
    Array(lines.map { $0 + separator }.joined().utf8)
}

/// A stream that comes as these bytes, whole or cut once.
func streamed(
    _ bytes: [UInt8], cut: Int? = nil, usage: Bool = true, kind: UInt32 = NEXUS_KIND_CHAT,
    end: UInt32 = NEXUS_HTTP_COMPLETE
) throws -> FakeHost.Exchange {
    try answered(stream: true, usage: usage, kind: kind) { upstream in
        upstream.head(200, eventStream)
        if let cut {
            upstream.body(bytes[..<cut])
            upstream.body(bytes[cut...])
        } else {
            upstream.body(bytes)
        }
        upstream.end(end, "closed")
    }
}
