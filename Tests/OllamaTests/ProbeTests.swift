import PluginAPI
import Testing

@testable import FakeHost
@testable import Ollama

@Suite struct ProbeTests {
    private func probe(
        _ backend: OllamaBackend, _ host: FakeHost, _ answers: [String: (UInt32, String)]
    ) -> [String] {
        backend.probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
        var asked: [String] = []
        while let path = host.openPaths.first, let request = host.request(path) {
            asked.append(path)
            let (status, body) = answers[path] ?? (404, #"{"error":"not found"}"#)
            request.answer(status, [], body)
        }
        return asked
    }

    private let list =
        #"{"models":[{"name":"a:1b","digest":"d1"},{"name":"b","digest":"d2","capabilities":["completion","vision"],"details":{"context_length":100}}]}"#
    /// What every model has that completes text.
    private static let text = NEXUS_MODEL_COMPLETION | NEXUS_MODEL_JSON_MODE
    private let show = #"{"capabilities":["completion","tools"],"model_info":{"llama.context_length":8192}}"#

    @Test func anErrorBesideAListIsWhyItIsShort() throws {
        try FakeHost.run { host in
            _ = probe(try backend(), host, ["/api/tags": (200, #"{"error":"database locked","models":[]}"#)])

            #expect(host.health.map(\.status) == [NEXUS_UNHEALTHY] && host.models.isEmpty)
            #expect(host.health.first?.message.contains("database locked") == true)
        }
    }

    @Test func modelsAreCompletedOnceAndRemembered() throws {
        try FakeHost.run { host in
            let backend = try backend()
            let answers: [String: (UInt32, String)] = [
                "/api/tags": (200, list), "/api/show": (200, show), "/api/version": (200, #"{"version":"0.9.1"}"#),
            ]
            let first = probe(backend, host, answers)
            let second = probe(backend, host, answers)

            #expect(first == ["/api/tags", "/api/show", "/api/ps", "/api/version"])
            #expect(second == ["/api/tags", "/api/ps", "/api/version"])
            #expect(
                host.health
                    == Array(
                        repeating: FakeHost.Health(status: NEXUS_HEALTHY, message: "", server: "Ollama 0.9.1"), count: 2
                    ))
            let expected = [
                FakeHost.Model(
                    id: "a:1b", context: 8192, capabilities: Self.text | NEXUS_MODEL_TOOLS,
                    lacks: NEXUS_MODEL_VISION | NEXUS_MODEL_THINKING, details: #"{"digest":"d1"}"#),
                FakeHost.Model(
                    id: "b", context: 100, capabilities: Self.text | NEXUS_MODEL_VISION,
                    lacks: NEXUS_MODEL_TOOLS | NEXUS_MODEL_THINKING, details: #"{"digest":"d2"}"#),
            ]
            #expect(host.models == [expected, expected])
        }
    }

    @Test func manyModelsAreAskedForAFewAtATime() throws {
        try FakeHost.run { host in
            let models = (0..<40).map { #"{"name":"m\#($0)","digest":"d\#($0)"}"# }.joined(separator: ",")
            try backend().probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            host.request("/api/tags")?.answer(200, [], #"{"models":[\#(models)]}"#)
            var most = 0
            while let request = host.request("/api/show") {
                most = max(most, host.openPaths.count)
                request.answer(200, [], show)
            }
            host.request("/api/ps")?.answer(404, [], "404 page not found")
            host.request("/api/version")?.answer(200, [], "{}")

            #expect(most <= 16 && host.models.first?.count == 40 && host.health.count == 1)
        }
    }

    @Test(arguments: [401, 403] as [UInt32])
    func aRefusedKeyIsToldInOurOwnWords(_ status: UInt32) throws {
        try FakeHost.run { host in
            _ = probe(try backend(), host, ["/api/tags": (status, #"{"error":"wrong key sk-secret"}"#)])

            #expect(host.health.map(\.status) == [NEXUS_UNHEALTHY])
            #expect(host.health[0].message.contains("api_key_env") && !host.health[0].message.contains("sk-secret"))
        }
    }

    @Test(
        arguments: [
            ((500, #"{"error":"boom"}"#), "boom"), ((200, "{}"), "is this Ollama?"), ((404, ""), "status 404"),
            ((200, #"{"models":[{"id":"x"},5]}"#), "no model can be read"),
        ] as [((UInt32, String), String)])
    func aServerThatIsNoOllamaIsUnhealthyForAReason(_ answer: (UInt32, String), _ words: String) throws {
        try FakeHost.run { host in
            _ = probe(try backend(), host, ["/api/tags": answer])

            #expect(host.health.map(\.status) == [NEXUS_UNHEALTHY] && host.health[0].message.contains(words))
        }
    }

    private func models(_ options: String = "{}", tags: String, show: String = "{}", ps: String?) throws -> [FakeHost
        .Model]
    {
        var models: [FakeHost.Model] = []
        try FakeHost.run { host in
            var answers: [String: (UInt32, String)] = [
                "/api/tags": (200, tags), "/api/version": (200, "{}"), "/api/show": (200, show),
            ]
            if let ps { answers["/api/ps"] = (200, ps) }
            let asked = probe(try backend(options), host, answers)
            #expect(!asked.contains { ["/api/generate", "/api/chat", "/api/embed"].contains($0) })
            models = host.models.last ?? []
        }
        return models
    }

    private let whole = #"""
        {"models":[
        {"name":"a:1b","modified_at":"2026-01-02T03:04:05Z","size":700,"digest":"d1","capabilities":["completion","thinking"],
        "details":{"format":"gguf","family":"llama","parameter_size":"1B","quantization_level":"Q4_K_M","context_length":131072}},
        {"name":"e","size":9,"digest":"d2","capabilities":["embedding"],"details":{"context_length":512}},
        {"name":"c:cloud","digest":"d3","remote_host":"https://ollama.com:443","remote_model":"c",
        "capabilities":["completion"],"details":{"context_length":1}}]}
        """#
    private let loaded =
        #"{"models":[{"name":"a:1b","model":"a:1b","size":900,"digest":"d1","expires_at":"2026-01-02T03:09:05.5Z","size_vram":600,"context_length":4096}]}"#

    @Test func modelsAreDescribedAndTheLoadedOnesMarked() throws {
        let models = try models(tags: whole, ps: loaded)

        #expect(
            models[0]
                == FakeHost.Model(
                    id: "a:1b", context: 4096, capabilities: Self.text | NEXUS_MODEL_THINKING,
                    lacks: NEXUS_MODEL_VISION | NEXUS_MODEL_TOOLS, state: NEXUS_MODEL_LOADED,
                    loadedUntil: 1_767_323_345, size: 700, memory: 900, deviceMemory: 600,
                    details:
                        #"{"format":"gguf","family":"llama","parameter_size":"1B","quantization_level":"Q4_K_M","digest":"d1"}"#
                ))
        #expect(models[1].state == NEXUS_MODEL_UNLOADED && models[1].capabilities == NEXUS_MODEL_EMBEDDING)
        let others = NEXUS_MODEL_VISION | NEXUS_MODEL_TOOLS | NEXUS_MODEL_THINKING
        #expect(models[1].lacks == Self.text | others && models[2].lacks == others)
        #expect(models[1].deviceMemory == UInt64.max && models[1].memory == 0 && models[1].loadedUntil == 0)
    }

    @Test func aModelThatAnotherServerRunsIsNotCalledUnloaded() throws {
        #expect(try models(tags: whole, ps: loaded)[2].state == NEXUS_MODEL_STATE_UNKNOWN)
    }

    @Test func withoutTheListOfLoadedModelsNothingIsSaidOfThem() throws {
        let models = try models(tags: whole, ps: nil)

        #expect(models.map(\.state) == Array(repeating: NEXUS_MODEL_STATE_UNKNOWN, count: 3))
        #expect(models[0].context == 131072)
    }

    @Test func aModelThatStaysForEverNeverGoes() throws {
        let forever = loaded.replacing("2026-01-02T03:09:05.5Z", with: "2318-04-13T00:00:00Z")

        #expect(try models(tags: whole, ps: forever)[0].loadedUntil == -1)
    }

    @Test func anotherNameOfALoadedModelIsLoadedToo() throws {
        let other = loaded.replacing("a:1b", with: "a:latest")

        #expect(try models(tags: whole, ps: other)[0].state == NEXUS_MODEL_LOADED)
    }

    @Test func theOperatorsContextLengthIsWhatRequestsGetAsFarAsTheModelGoes() throws {
        let models = try models(#"{"num_ctx":8192}"#, tags: whole, ps: loaded)

        #expect(models.map(\.context) == [8192, 512, 1])
    }

    @Test func aServerTooSlowToDescribeItsModelsIsNotAskedForAllOfThem() throws {
        try FakeHost.run { host in
            let models = (0..<40).map { #"{"name":"m\#($0)","digest":"d\#($0)"}"# }.joined(separator: ",")
            try backend().probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            host.request("/api/tags")?.answer(200, [], #"{"models":[\#(models)]}"#)
            while let request = host.request("/api/show") { request.end(NEXUS_HTTP_TIMED_OUT, "too slow") }
            host.request("/api/ps")?.end(NEXUS_HTTP_TIMED_OUT, "too slow")
            host.request("/api/version")?.end(NEXUS_HTTP_TIMED_OUT, "too slow")

            #expect(host.requests.count { $0.path == "/api/show" } < 20)
            #expect(host.models.first?.count == 40 && host.health.map(\.status) == [NEXUS_HEALTHY])
        }
    }

    @Test func aProbeThatIsCancelledReportsNothing() throws {
        try FakeHost.run { host in
            try backend().probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            host.request("/api/tags")?.answer(200, [], #"{"models":[]}"#)
            host.request("/api/ps")?.end(NEXUS_HTTP_CANCELLED)
            host.request("/api/version")?.answer(200, [], "{}")

            #expect(host.health.isEmpty && host.models.isEmpty)
        }
    }

    @Test(
        arguments: [
            (#"{"details":{"families":["nomic-bert"]}}"#, NEXUS_MODEL_EMBEDDING, NEXUS_MODEL_COMPLETION),
            (#"{"template":"{{ .Prompt }}"}"#, ProbeTests.text, 0),
            (#"{"template":"{{ .Tools }}"}"#, ProbeTests.text | NEXUS_MODEL_TOOLS, 0),
            (#"{"projector_info":{"x":1}}"#, ProbeTests.text | NEXUS_MODEL_VISION, 0),
            (#"{"details":{"families":["llama","clip"]}}"#, ProbeTests.text | NEXUS_MODEL_VISION, 0),
        ] as [(String, UInt32, UInt32)])
    func anOldServersModelsAreJudgedByWhatItShows(_ show: String, _ capabilities: UInt32, _ lacks: UInt32) throws {
        let models = try models(tags: #"{"models":[{"name":"m","digest":"d"}]}"#, show: show, ps: nil)

        #expect(models.map(\.capabilities) == [capabilities] && models.map(\.lacks) == [lacks])
    }
}
