import PluginAPI

@testable import FakeHost
@testable import OpenAICompat

/// A backend of the adapter at the fake host.
func backend(
    _ options: JSONObject = JSONObject(), url: String = "http://server:8080", key: String = ""
) throws -> OpenAIBackend {
    try OpenAIBackend(
        BackendConfiguration(name: "one", url: url, apiKeys: key.isEmpty ? [] : [key], options: options),
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
        _ host: FakeHost, to backend: OpenAIBackend, kind: UInt32 = NEXUS_KIND_CHAT, stream: Bool = false
    ) throws {
        self.host = host
        let task = host.newTask()
        self.task = task
        let status = lend(#"{"model":"m"}"#) { body in
            var request = nexus_request()
            request.struct_size = UInt32(MemoryLayout<nexus_request>.size)
            request.kind = kind
            request.flags = stream ? NEXUS_REQUEST_STREAM : 0
            request.body = body
            return backend.submit(ExchangeTask(handle: task, host: Host(FakeHost.table)), request)
        }
        struct NotStarted: Error { let status: Int32 }
        guard status == NEXUS_OK, let upstream = host.requests.last else { throw NotStarted(status: status) }
        self.upstream = upstream
    }
}

/// A whole exchange: submitted, answered by `play`, looked at.
func answered(stream: Bool = false, _ play: (FakeHost.Request) -> Void) throws -> FakeHost.Exchange {
    var result = FakeHost.Exchange()
    try FakeHost.run { host in
        let submitted = try Submitted(host, to: backend(), stream: stream)
        play(submitted.upstream)
        result = submitted.exchange
    }
    return result
}
