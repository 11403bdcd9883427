import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

@Suite struct ProbeTests {
    private let toolsAndJSON = NEXUS_MODEL_TOOLS | NEXUS_MODEL_JSON_MODE

    private let allButEmbedding =
        NEXUS_MODEL_COMPLETION | NEXUS_MODEL_VISION | NEXUS_MODEL_TOOLS | NEXUS_MODEL_JSON_MODE | NEXUS_MODEL_THINKING

    /// What is told of the one model of a server: what it has, and what it certainly lacks.
    private func told(_ answers: [String: (UInt32, String)]) throws -> [UInt32] {
        let model = try #require(try probe(answers).models.last?.first)
        return [model.capabilities, model.lacks]
    }

    @Test func onlyWhatAServerSaysIsMissingIsLacking() throws {
        let vision = NEXUS_MODEL_VISION
        let llama = #"{"data":[{"id":"m","owned_by":"llamacpp"}]}"#
        func properties(_ modalities: String) -> [String: (UInt32, String)] {
            ["/v1/models": (200, llama), "/props": (200, #"{"total_slots":1\#(modalities)}"#)]
        }
        #expect(try told(properties(#","modalities":{"vision":false}"#)) == [toolsAndJSON, vision])
        #expect(try told(properties(#","modalities":{"vision":true}"#)) == [toolsAndJSON | vision, 0])
        #expect(try told(properties("")) == [toolsAndJSON, 0])

        func listed(_ members: String) -> [String: (UInt32, String)] {
            ["/v1/models": (200, #"{"data":[{"id":"m"\#(members)}]}"#)]
        }
        #expect(try told(listed("")) == [0, 0])
        #expect(try told(listed(#","architecture":{"input_modalities":["text"]}"#)) == [0, vision])
        #expect(try told(listed(#","architecture":{"input_modalities":[]}"#)) == [0, 0])
        // llama.cpp's router, of a model whose files it does not have yet.
        let router = #","status":{"value":"unloaded"},"architecture":{"input_modalities":["text"]}"#
        #expect(try told(listed(router)) == [0, 0])
        #expect(try told(listed(#","architecture":{"output_modalities":["image"]}"#)) == [NEXUS_MODEL_COMPLETION, 0])
        #expect(
            try told(listed(#","architecture":{"output_modalities":["embeddings"]}"#)) == [0, NEXUS_MODEL_COMPLETION])
        #expect(
            try told(listed(#","supported_parameters":["tools","max_tokens"]"#))
                == [NEXUS_MODEL_TOOLS, NEXUS_MODEL_THINKING])
        #expect(
            try told(listed(#","supported_parameters":["reasoning","response_format"]"#))
                == [NEXUS_MODEL_JSON_MODE | NEXUS_MODEL_THINKING, NEXUS_MODEL_TOOLS])
    }

    @Test func sglangRunsAModelForTextOrForVectors() throws {
        func told(_ info: String) throws -> [UInt32] {
            try self.told([
                "/v1/models": (200, #"{"data":[{"id":"m","owned_by":"sglang"}]}"#), "/get_model_info": (200, info),
            ])
        }
        #expect(try told(#"{"model_path":"x","is_generation":false}"#) == [NEXUS_MODEL_EMBEDDING, allButEmbedding])
        #expect(
            try told(#"{"model_path":"x","is_generation":true,"has_image_understanding":false}"#)
                == [toolsAndJSON | NEXUS_MODEL_COMPLETION, NEXUS_MODEL_EMBEDDING | NEXUS_MODEL_VISION])
    }

    /// Its tools work with any model, whether or not it was made for them.
    @Test func lmStudioTellsWhatSeesButNotWhatLacksTools() throws {
        func told(_ type: String, newer: String = #"{"error":"Unexpected endpoint"}"#) throws -> [UInt32] {
            try self.told([
                "/v1/models": (200, #"{"data":[{"id":"m"}]}"#),
                "/api/v0/models": (200, #"{"data":[{"id":"m","type":"\#(type)","state":"loaded"}]}"#),
                "/api/v1/models": (200, newer),
            ])
        }
        let text = NEXUS_MODEL_JSON_MODE | NEXUS_MODEL_COMPLETION
        #expect(try told("llm") == [text, NEXUS_MODEL_VISION])
        #expect(try told("vlm") == [text | NEXUS_MODEL_VISION, 0])
        let newer = #"{"models":[{"key":"m","capabilities":{"vision":true,"trained_for_tool_use":false}}]}"#
        #expect(try told("llm", newer: newer) == [text | NEXUS_MODEL_VISION, 0])
    }

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
                        id: "v", context: 4096,
                        capabilities: toolsAndJSON | NEXUS_MODEL_VISION | NEXUS_MODEL_COMPLETION,
                        state: NEXUS_MODEL_LOADED),
                    FakeHost.Model(
                        id: "e", context: 512, capabilities: NEXUS_MODEL_EMBEDDING, lacks: allButEmbedding,
                        state: NEXUS_MODEL_UNLOADED),
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

    @Test func nothingButGETIsAsked() throws {
        try FakeHost.run { host in
            try backend().probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            while let path = host.openPaths.first {
                host.request(path)?.answer(path == "/v1/models" ? 200 : 404, [], #"{"data":[{"id":"m"}]}"#)
            }

            #expect(host.health.count == 1 && host.requests.allSatisfy { $0.method == "GET" && $0.body.isEmpty })
        }
    }

    private let models = JSONObject([(name: "models", value: ["a", "b", "a"])])

    @Test(
        arguments: [
            (404, #"{"detail":"Not Found"}"#), (405, ""), (501, ""), (403, "not for you"), (429, "slow down"),
            (200, "<html>"), (200, #"{"x":1}"#),
        ] as [(UInt32, String)])
    func statedModelsTakeThePlaceOfTheList(_ status: UInt32, _ body: String) throws {
        let result = try probe(["/v1/models": (status, body)], options: models)

        #expect(result.health.map(\.status) == [NEXUS_HEALTHY] && result.models.first?.map(\.id) == ["a", "b"])
        #expect(result.asked == ["/v1/models"])
    }

    @Test func theListTellsMoreOfStatedModels() throws {
        let list = #"{"data":[{"id":"b","max_model_len":4096},{"id":"c"}]}"#
        let result = try probe(["/v1/models": (200, list)], options: models)

        #expect(result.models.first?.map(\.id) == ["a", "b"] && result.models.first?[1].context == 4096)
    }

    @Test(arguments: [(500, ""), (401, ""), (503, "overloaded"), (301, "")] as [(UInt32, String)])
    func aServerWithStatedModelsCanBeIllAllTheSame(_ status: UInt32, _ body: String) throws {
        #expect(try probe(["/v1/models": (status, body)], options: models).health.map(\.status) == [NEXUS_UNHEALTHY])
    }

    @Test func aServerWithoutAListTakesAnyModelIfWhatItAnswersIsStated() throws {
        let stated = try probe([:], options: JSONObject([(name: "endpoints", value: ["chat"])]))
        let plain = try probe([:])

        #expect(stated.health.map(\.status) == [NEXUS_HEALTHY] && stated.models.first?.map(\.id) == ["*"])
        #expect(plain.health.map(\.status) == [NEXUS_UNHEALTHY] && plain.health[0].message.contains("models = ["))
    }

    @Test func aRedirectOfTheListIsToldWithItsPlace() throws {
        try FakeHost.run { host in
            try backend().probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            host.request("/v1/models")?.answer(308, [("location", "https://server/v1/models")], "")

            #expect(host.health.first?.message.contains("https://server/v1/models") == true)
        }
    }

    @Test func aWallBeforeTheListIsNoMatterOfTheKey() throws {
        let result = try probe(["/v1/models": (403, "a User-Agent is required")])

        #expect(result.health[0].message == "GET /v1/models answered with status 403: a User-Agent is required")
    }

    @Test(
        arguments: [
            ("llamacpp", NEXUS_KIND_MESSAGES | NEXUS_KIND_RERANK, NEXUS_KIND_IMAGES),
            ("tgi", 0, NEXUS_KIND_RESPONSES | NEXUS_KIND_MESSAGES),
            ("openai", NEXUS_KIND_RESPONSES, NEXUS_KIND_MESSAGES),
        ] as [(String, UInt32, UInt32)])
    func theFlavourTellsWhatItHas(_ flavor: String, _ has: UInt32, _ lacks: UInt32) throws {
        let result = try probe(
            ["/v1/models": (200, #"{"data":[{"id":"m"}]}"#), "/health": (200, "{}")],
            options: JSONObject([(name: "flavor", value: .string(flavor))]))
        let kinds = try #require(result.health.first?.kinds)

        #expect(kinds & has == has && kinds & lacks == 0)
    }

    @Test(arguments: [(405, true), (404, false), (200, false), (401, false)] as [(UInt32, Bool)])
    func anUnknownServerShowsAnthropicsAPIByRefusingAGET(_ status: UInt32, _ isShown: Bool) throws {
        let result = try probe(["/v1/models": (200, #"{"data":[{"id":"m"}]}"#), "/v1/messages": (status, "{}")])
        let kinds = try #require(result.health.first?.kinds)

        #expect((kinds & NEXUS_KIND_MESSAGES != 0) == isShown && kinds & Endpoint.possible == Endpoint.possible)
    }

    @Test func whatAServerSaidItHasNotIsRemembered() throws {
        try FakeHost.run { host in
            let adapter = try backend()
            let submitted = try Submitted(host, to: adapter, kind: NEXUS_KIND_RERANK, path: "/v1/rerank")
            submitted.upstream.answer(404, [], "Not Found")
            #expect(submitted.exchange.failure?.kind == NEXUS_FAIL_UNSUPPORTED)

            #expect(adapter.knowledge.withLock { $0.kinds(nil) } & NEXUS_KIND_RERANK == 0)
        }
    }

    @Test func theFlavorThatIsConfiguredIsNotGuessed() throws {
        let result = try probe(
            ["/v1/models": (200, #"{"data":[{"id":"m","owned_by":"vllm"}]}"#)],
            options: JSONObject([(name: "flavor", value: "openai")]))

        #expect(result.asked == ["/v1/models"] && result.health.map(\.status) == [NEXUS_HEALTHY])
    }
}
