import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

@Suite struct ProbeTests {
    private let toolsAndJSON = NEXUS_MODEL_TOOLS | NEXUS_MODEL_JSON_MODE

    /// Probes and answers each request by its path; what is not in `answers` gets 404.
    private func probe(
        _ answers: [String: (UInt32, String)], options: JSONObject = JSONObject(), headers: [(String, String)] = []
    ) throws -> (health: [FakeHost.Health], models: [[FakeHost.Model]], asked: [String]) {
        var result: (health: [FakeHost.Health], models: [[FakeHost.Model]], asked: [String]) = ([], [], [])
        try FakeHost.run { host in
            try backend(options).probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            while let path = host.openPaths.first, let request = host.request(path) {
                let (status, body) = answers[path] ?? (404, #"{"error":{"message":"not found"}}"#)
                request.answer(status, headers, body)
            }
            result = (host.health, host.models, host.requests.map(\.path))
        }
        return result
    }

    @Test func llamaCppTellsItsContextAndItsReadiness() throws {
        let result = try probe([
            "/v1/models": (200, #"{"data":[{"id":"smol","owned_by":"llamacpp","meta":{"n_ctx_train":2048}}]}"#),
            "/props": (
                200, #"{"default_generation_settings":{"n_ctx":1024},"modalities":{"vision":true},"build_info":"b1"}"#
            ),
            "/health": (200, #"{"status":"ok"}"#),
        ])

        #expect(result.health.map(\.status) == [NEXUS_HEALTHY] && result.health.map(\.server) == ["llama.cpp b1"])
        #expect(
            result.models == [
                [
                    FakeHost.Model(
                        id: "smol", context: 1024, capabilities: toolsAndJSON | NEXUS_MODEL_VISION,
                        state: NEXUS_MODEL_LOADED)
                ]
            ])
        #expect(result.asked.starts(with: ["/v1/models", "/props", "/slots", "/health", "/metrics"]))
    }

    @Test func vLLMTellsTheLengthInItsList() throws {
        let result = try probe([
            "/v1/models": (200, #"{"data":[{"id":"q","owned_by":"vllm","max_model_len":32768}]}"#),
            "/health": (200, ""),
        ])

        #expect(result.models == [[FakeHost.Model(id: "q", context: 32768, capabilities: toolsAndJSON)]])
        #expect(result.health.map(\.status) == [NEXUS_HEALTHY])
        #expect(result.asked.starts(with: ["/v1/models", "/version", "/health", "/metrics"]))
    }

    @Test func lmStudioIsRecognisedByItsOwnList() throws {
        let result = try probe([
            "/v1/models": (200, #"{"data":[{"id":"v"},{"id":"e"}]}"#),
            "/api/v0/models": (
                200,
                #"{"data":[{"id":"v","type":"vlm","state":"loaded","max_context_length":8192,"loaded_context_length":4096,"capabilities":["tool_use"]},{"id":"e","type":"embeddings","state":"not-loaded","max_context_length":512}]}"#
            ),
        ])

        #expect(
            result.models == [
                [
                    FakeHost.Model(
                        id: "v", context: 4096, capabilities: toolsAndJSON | NEXUS_MODEL_VISION,
                        state: NEXUS_MODEL_LOADED),
                    FakeHost.Model(
                        id: "e", context: 512, capabilities: NEXUS_MODEL_EMBEDDING, state: NEXUS_MODEL_UNLOADED),
                ]
            ])
        #expect(result.health.map(\.server) == ["LM Studio"])
    }

    @Test func anUnknownServerThatListsModelsIsHealthy() throws {
        let result = try probe(["/v1/models": (200, #"{"data":[{"id":"x","created":5}]}"#)])

        #expect(result.health.map(\.status) == [NEXUS_HEALTHY] && result.models.first?.map(\.id) == ["x"])
    }

    @Test(
        arguments: [
            ((401, #"{"error":{"message":"bad key"}}"#), "refuses the API key"), ((500, "oops"), "status 500"),
            ((200, "<html>"), "did not answer with JSON"), ((200, #"{"x":1}"#), "did not answer with a list of models"),
            ((200, #"{"error":"Unexpected endpoint"}"#), "Unexpected endpoint"), ((404, "{}"), "status 404"),
            ((206, #"{"data":[{"id":"x"}]}"#), "status 206"),
            ((200, #"{"data":[],"detail":"database locked"}"#), "database locked"),
            ((200, #"{"data":[{"id":""}]}"#), "did not answer with a list of models"),
            ((200, #"{"data":[{"name":"x"},5]}"#), "did not answer with a list of models"),
        ] as [((UInt32, String), String)])
    func aServerThatCannotServeIsUnhealthyForAReason(_ answer: (UInt32, String), _ words: String) throws {
        let result = try probe(["/v1/models": answer])

        #expect(result.health.count == 1 && result.health[0].status == NEXUS_UNHEALTHY)
        #expect(result.health[0].message.contains(words) && result.models.isEmpty)
    }

    @Test func aServerThatLoadsItsModelSaysSo() throws {
        let loading = (UInt32(503), #"{"error":{"message":"Loading model","type":"unavailable_error","code":503}}"#)
        let list = (UInt32(200), #"{"data":[{"id":"m","owned_by":"llamacpp"}]}"#)

        #expect(try probe(["/v1/models": loading]).health.map(\.status) == [NEXUS_LOADING])
        #expect(try probe(["/v1/models": list, "/health": loading]).health.map(\.status) == [NEXUS_LOADING])
    }

    @Test func aServerThatIsNotThereIsUnhealthyWithTheHostsWords() throws {
        try FakeHost.run { host in
            try backend().probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            host.request("/v1/models")?.end(NEXUS_HTTP_REFUSED, "server:8080: connection refused")

            #expect(host.health.map(\.message) == ["GET /v1/models: server:8080: connection refused"])
        }
    }

    @Test func aCancelledProbeReportsNothing() throws {
        try FakeHost.run { host in
            try backend().probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            host.request("/v1/models")?.end(NEXUS_HTTP_CANCELLED)

            #expect(host.health.isEmpty && host.models.isEmpty)
        }
    }

    @Test func theFlavorThatIsConfiguredIsNotGuessed() throws {
        let result = try probe(
            ["/v1/models": (200, #"{"data":[{"id":"m","owned_by":"vllm"}]}"#)],
            options: JSONObject([(name: "flavor", value: "openai")]))

        #expect(result.asked == ["/v1/models"] && result.health.map(\.status) == [NEXUS_HEALTHY])
    }
}
