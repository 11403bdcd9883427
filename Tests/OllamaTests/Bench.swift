import PluginAPI
import Testing

@testable import FakeHost
@testable import Ollama

/// A backend with options as JSON.
func backend(
    _ options: String = "{}", url: String = "http://o:11434", keys: [String] = []
) throws -> OllamaBackend {
    try OllamaBackend(
        BackendConfiguration(
            name: "one", url: url, apiKeys: keys,
            options: JSONValue.parse(options).object ?? JSONObject()),
        host: Host(FakeHost.table), reports: Reports(FakeHost.callbacks))
}

/// Submits a request, by default a chat, and answers it by `play`.
func answered(
    stream: Bool, includeUsage: Bool = false, kind: UInt32 = NEXUS_KIND_CHAT, path: String = "",
    options: String = "{}",
    body: String = #"{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}"#,
    _ play: (FakeHost.Request) -> Void
) throws -> FakeHost.Exchange {
    var result = FakeHost.Exchange()
    try FakeHost.run { host in
        let task = submit(
            to: try backend(options), host, stream: stream, includeUsage: includeUsage, kind: kind, path: path,
            body: body)
        host.turn()
        if let upstream = host.requests.last { play(upstream) }
        host.turn()
        result = host.exchanges[task] ?? result
    }
    return result
}

/// Submits a request for the model "m" and gives its task.
func submit(
    to backend: OllamaBackend, _ host: FakeHost, stream: Bool = false, includeUsage: Bool = false,
    kind: UInt32 = NEXUS_KIND_CHAT, path: String = "", headers: [(name: String, value: String)] = [],
    body: String = #"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#
) -> nexus_task {
    let task = host.newTask()
    lend(body) { body in
        lend("m") { model in
            lend(path) { path in
                lend("r1") { id in
                    var request = nexus_request()
                    request.struct_size = UInt32(MemoryLayout<nexus_request>.size)
                    request.kind = kind
                    request.flags =
                        (stream ? NEXUS_REQUEST_STREAM : 0) | (includeUsage ? NEXUS_REQUEST_INCLUDE_USAGE : 0)
                    request.model = model
                    request.body = body
                    request.request_id = id
                    request.path = path
                    let exchange = ExchangeTask(handle: task, host: Host(FakeHost.table))
                    lend(headers) { headers in
                        request.headers = headers.baseAddress
                        request.header_count = headers.count
                        #expect(backend.submit(exchange, request) == NEXUS_OK)
                    }
                }
            }
        }
    }
    return task
}
