import JSON
import Testing

@testable import Core

private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

@Suite("Encoding of values")
struct ValueEncodingTests {
    private let model = Model(
        id: "llava:7b", name: "LLaVA", contextLength: 4096, maxOutputTokens: 512, capabilities: [.vision, .jsonMode],
        created: 1_700_000_000)

    @Test("a history entry has the contract's six members first, then ours")
    func historyEntry() {
        var entry = HistoryEntry(
            timestamp: 1_767_323_045, model: "llama3", backendID: "box", durationMilliseconds: 1234, status: .success)
        entry.sequence = 7
        entry.instance = GatewayInstance(id: "0a", startedAt: 5)
        entry.requestID = "req-1"
        entry.attempts = 1
        entry.statusCode = 200
        entry.stream = true
        entry.timeToFirstByteMilliseconds = 80
        entry.promptTokens = 10
        entry.completionTokens = 20
        entry.tokensPerSecond = 33.333
        entry.endpoint = "/v1/chat/completions"
        #expect(
            text(ContractEncoder.history([entry])) == """
                [{"timestamp":1767323045,"model":"llama3","backend_id":"box","duration_ms":1234,"status":"Success",\
                "error_message":null,"seq":7,"instance_id":"0a","instance_started_at":5,"request_id":"req-1","attempts":1,"status_code":200,"stream":true,\
                "ttft_ms":80,"prompt_tokens":10,"completion_tokens":20,"cached_tokens":null,"tokens_estimated":false,\
                "tokens_per_second":33.33,"endpoint":"/v1/chat/completions","api":"openai","client":null}]
                """)
    }

    @Test("an error carries its message; no history is an empty array")
    func failedEntry() throws {
        let entry = HistoryEntry(
            timestamp: 1, model: "", backendID: HistoryEntry.noBackend, durationMilliseconds: 0, status: .error,
            errorMessage: "a \"quoted\"\nreason")
        let json = try JSONValue.parse(ContractEncoder.history([entry]))[0]
        #expect(json?["status"] == "Error")
        #expect(json?["backend_id"] == "none")
        #expect(json?["error_message"] == "a \"quoted\"\nreason")
        #expect(json?["ttft_ms"] == .null)
        #expect(ContractEncoder.history([]) == Array("[]".utf8))
    }

    @Test("a backend's view has all members of the contract, metadata sorted")
    func backendView() {
        let view = BackendView(
            id: "b1", name: "Box", url: "http://h:1", backendType: "ollama", status: .unhealthy,
            lastHealthCheck: 1_767_323_045.9, lastError: "refused", models: [model], priority: 2, pendingRequests: 3,
            totalRequests: 4, averageLatencyMilliseconds: 12.3456, metadata: ["z": "1", "a": "2"])
        #expect(
            text(ContractEncoder.backend(view)) == """
                {"id":"b1","name":"Box","url":"http://h:1","backend_type":"ollama","status":"Unhealthy",\
                "last_health_check":"2026-01-02T03:04:05Z","last_error":"refused","models":[{"id":"llava:7b",\
                "name":"LLaVA","context_length":4096,"supports_vision":true,"supports_tools":false,\
                "supports_json_mode":true,"max_output_tokens":512,\
                "capabilities":{"vision":true,"tools":false,"json_mode":true}}],"priority":2,"pending_requests":3,\
                "total_requests":4,"avg_latency_ms":12,"discovery_source":"static","metadata":{"a":"2","z":"1"}}
                """)
    }

    @Test("what is not known is null, what is not a number is 0")
    func unknowns() throws {
        var view = BackendView(
            id: "b", name: "b", url: "", backendType: "x", models: [Model(id: "m")],
            averageLatencyMilliseconds: .nan)
        view.addedAt = 1_767_323_045
        let json = try JSONValue.parse(ContractEncoder.backends([view]))["data"]?[0]
        #expect(json?["last_health_check"] == "2026-01-02T03:04:05Z")
        #expect(json?["last_error"] == .null)
        #expect(json?["avg_latency_ms"] == 0)
        #expect(json?["models"]?[0]?["max_output_tokens"] == .null)
    }

    @Test("a time is told whatever the clock says", arguments: [Double.nan, .infinity, -.infinity, 1e300])
    func lastHealthCheck(seconds: Double) throws {
        let view = BackendView(id: "b", name: "b", url: "", backendType: "x", lastHealthCheck: seconds)
        let json = try JSONValue.parse(ContractEncoder.backend(view))
        #expect(json["last_health_check"]?.string?.utf8.count == 20)
    }

    @Test("statistics are the contract's plus the error rate")
    func statistics() {
        var statistics = Statistics(
            uptimeSeconds: 60,
            backends: [.init(id: "b", name: "B", requests: 3, averageLatencyMilliseconds: 1.5, pending: 1)],
            models: [.init(name: "m", requests: 3, averageDurationMilliseconds: 2)])
        statistics.requests.total = 3
        statistics.requests.success = 2
        statistics.requests.errors = 1
        #expect(
            text(ContractEncoder.statistics(statistics)) == """
                {"uptime_seconds":60,"requests":{"total":3,"success":2,"errors":1,"error_rate":0.3333},\
                "backends":[{"id":"b","name":"B","requests":3,"average_latency_ms":1.5,"pending":1,\
                "prompt_tokens":0,"completion_tokens":0,"cached_tokens":0,"average_ttft_ms":null,"tokens_per_second":null}],\
                "models":[{"name":"m","requests":3,"average_duration_ms":2,\
                "prompt_tokens":0,"completion_tokens":0,"cached_tokens":0,"average_ttft_ms":null,"tokens_per_second":null}],\
                "former_models":[],"other_models":{"name":"(other)","requests":0,"average_duration_ms":0,\
                "prompt_tokens":0,"completion_tokens":0,"cached_tokens":0,"average_ttft_ms":null,"tokens_per_second":null},\
                "quality":[],"quality_omitted":0}
                """)
        #expect(Statistics().requests.errorRate == 0)
    }

    private static let views: [BackendView] = [
        BackendView(
            id: "2", name: "two", url: "", backendType: "x", status: .healthy,
            models: [
                Model(id: "b", contextLength: 4096, capabilities: .tools), Model(id: "a"),
            ]),
        BackendView(
            id: "1", name: "one", url: "", backendType: "x", status: .healthy,
            models: [Model(id: "b", contextLength: 8192, capabilities: .vision, created: 7), Model(id: "c")]),
        BackendView(id: "3", name: "down", url: "", backendType: "x", status: .unhealthy, models: [Model(id: "d")]),
    ]

    @Test("the list of models has one object for each id, with the healthy backends that have it")
    func modelList() throws {
        let json = try JSONValue.parse(ContractEncoder.modelList(Self.views))
        #expect(json["object"] == "list")
        let data = try #require(json["data"]?.array)
        #expect(data.map { $0["id"] } == ["a", "b", "c"])
        #expect(data.map { $0["backends"] } == [["two"], ["one", "two"], ["one"]])
        #expect(data.map { $0["owned_by"] } == ["two", "one", "one"])
        // A request may go to either: what both can take counts, and what one can do.
        #expect(data[1]["context_length"] == 4096)
        #expect(data[1]["created"] == 7)
        #expect(data[1]["capabilities"] == ["vision": true, "tools": true, "json_mode": false])
        #expect(
            text(
                ContractEncoder.modelList([
                    BackendView(id: "1", name: "one", url: "", backendType: "x", status: .healthy, models: [model])
                ])) == """
                    {"object":"list","data":[{"id":"llava:7b","object":"model","created":1700000000,"owned_by":"one",\
                    "context_length":4096,"capabilities":{"vision":true,"tools":false,"json_mode":true},"backends":["one"]}]}
                    """)
    }

    @Test("the list for each backend has one object for each model and healthy backend, sorted by id, then backend")
    func modelListPerBackend() throws {
        let json = try JSONValue.parse(ContractEncoder.modelListPerBackend(Self.views, aliases: [("z", "b")]))
        let pairs = json["data"]?.array?.map { "\($0["id"]?.string ?? "") \($0["owned_by"]?.string ?? "")" }
        #expect(pairs == ["a two", "b one", "b two", "c one", "z one"])
    }

    @Test("the list for each backend tells how the model is there, and null for what is not known")
    func modelPresence() throws {
        var loaded = Model(id: "a", maxOutputTokens: 9, capabilities: [.vision, .thinking])
        (loaded.isLoaded, loaded.loadedUntil, loaded.size) = (true, .time(1_700_000_000), 5)
        (loaded.memory, loaded.deviceMemory) = (7, 6)
        var kept = Model(id: "b")
        (kept.isLoaded, kept.loadedUntil) = (true, .forever)
        let view = BackendView(
            id: "1", name: "one", url: "", backendType: "x", status: .healthy, models: [loaded, kept, Model(id: "c")])
        let data = try #require(try JSONValue.parse(ContractEncoder.modelListPerBackend([view]))["data"]?.array)
        #expect(data.map { $0["backend_id"] } == ["1", "1", "1"])
        #expect(data[0]["abilities"] == ["vision", "thinking"] && data[0]["max_output_tokens"] == 9)
        #expect(data[0]["loaded"] == true && data[0]["loaded_until"] == "2023-11-14T22:13:20Z")
        #expect(data[0]["size_bytes"] == 5 && data[0]["memory_bytes"] == 7 && data[0]["device_memory_bytes"] == 6)
        #expect(data[1]["loaded_until"] == "forever" && data[1]["memory_bytes"] == .null)
        #expect(data[2]["loaded"] == .null && data[2]["loaded_until"] == .null && data[2]["abilities"] == [])
    }

    @Test("a list of backends without their models says how many are left out")
    func backendsWithoutModels() throws {
        let data = try JSONValue.parse(ContractEncoder.backends(Self.views, withModels: false))["data"]
        #expect(data?[0]?["models"] == [] && data?[0]?["truncated"]?["models"] == 2)
    }

    @Test("an alias is an object of its own, and takes the place of a model of the same name")
    func aliases() throws {
        let json = try JSONValue.parse(
            ContractEncoder.modelList(Self.views, aliases: [("a", "b"), ("z", "b"), ("y", "d")]))
        let data = try #require(json["data"]?.array)
        #expect(data.map { $0["id"] } == ["b", "c", "a", "z"])
        #expect(data.map { $0["alias_of"] } == [nil, nil, "b", "b"])
        #expect(data.map { $0["backends"] } == [["one", "two"], ["one"], ["one", "two"], ["one", "two"]])
    }

    @Test("one model is found by its id, or under an alias")
    func oneModel() throws {
        let one = try #require(ContractEncoder.servedModel(id: "b", in: Self.views))
        #expect(try JSONValue.parse(ContractEncoder.model(one))["backends"] == ["one", "two"])
        let alias = try #require(ContractEncoder.servedModel(id: "b", alias: "z", in: Self.views))
        let json = try JSONValue.parse(ContractEncoder.model(alias))
        #expect(json["id"] == "z" && json["alias_of"] == "b")
        #expect(ContractEncoder.servedModel(id: "d", in: Self.views) == nil)
    }

    @Test("names are found in any case of letters; of several the first in order")
    func spellings() {
        let names = NameSpellings(["Qwen3:4B", "b", "B", "\u{C4}a"])
        #expect(names.name("qwen3:4b") == "Qwen3:4B")
        #expect(names.name("b") == "B")
        #expect(names.name("\u{E4}a") == nil)
        #expect(names.name("x") == nil)
    }

    @Test("the page's data cannot end a script element")
    func pageData() throws {
        let evil = "</script><!--<script>\u{2028}&"
        let view = BackendView(
            id: evil, name: evil, url: evil, backendType: evil, status: .healthy, lastError: evil,
            models: [Model(id: evil)], metadata: [evil: evil])
        let entry = HistoryEntry(
            timestamp: 1, model: evil, backendID: evil, durationMilliseconds: 1, status: .error, errorMessage: evil)
        let data = ContractEncoder.pageData(statistics: Statistics(), backends: [view], history: [entry])
        #expect(!data.contains(UInt8(ascii: "<")) && !data.contains(UInt8(ascii: "&")))
        let json = try JSONValue.parse(data)
        #expect(json.object?.members.map(\.name) == ["stats", "models", "backends", "history"])
        #expect(json["history"]?[0]?["model"]?.string == evil)
        #expect(json["models"]?["data"]?[0]?["id"]?.string == evil)
        #expect(json["models"]?["truncated"] == nil && json["stats"]?["truncated"] == nil)
    }

    @Test("the page's data of a vast fleet is small, has every backend, and says what it leaves out")
    func vastPageData() throws {
        let views = (0..<50).map { box in
            BackendView(
                id: "box-\(box)", name: "box-\(box)", url: "http://box-\(box):1", backendType: "openai",
                status: .healthy,
                models: (0..<100).map { Model(id: "a-model-with-some-name-\(box)-\($0)") })
        }
        let statistics = Statistics(uptimeSeconds: 1, figures: ExchangeFigures(), views: views)
        let data = ContractEncoder.pageData(statistics: statistics, backends: views, history: [])
        #expect(data.count < 300_000, "\(data.count)")
        let json = try JSONValue.parse(data)
        let backends = try #require(json["backends"]?.array)
        #expect(backends.count == 50)
        for backend in backends {
            let (kept, left) = (backend["models"]?.array?.count ?? 0, backend["truncated"]?["models"]?.int ?? 0)
            #expect(kept > 0 && kept + Int(left) == 100)
        }
        let served = try #require(json["models"])
        #expect((served["data"]?.array?.count ?? 0) + Int(served["truncated"]?["data"]?.int ?? 0) == 5000)
        let figures = try #require(json["stats"])
        #expect((figures["models"]?.array?.count ?? 0) + Int(figures["truncated"]?["models"]?.int ?? 0) == 5000)
    }

    @Test(
        "models of backends that do not serve are listed on demand, with how that stands and without what is not known")
    func modelsOfOthers() throws {
        var model = Model(id: "m")
        (model.isLoaded, model.memory) = (true, 5)
        let views = [("a", BackendStatus.healthy), ("b", .draining), ("c", .unhealthy)].map { id, status in
            BackendView(id: id, name: id, url: "http://x:1", backendType: "openai", status: status, models: [model])
        }
        let some = try JSONValue.parse(ContractEncoder.modelListPerBackend(views))["data"]?.array ?? []
        #expect(some.map { $0["backend_id"]?.string } == ["a"] && some[0]["backend_status"] == nil)
        let all = try JSONValue.parse(ContractEncoder.modelListPerBackend(views, withOthers: true))["data"]?.array ?? []
        #expect(all.map { $0["backend_status"]?.string } == ["Healthy", "Draining", "Unhealthy"])
        #expect(all.map { $0["memory_bytes"]?.int } == [5, 5, nil])
    }
}

@Suite("Timestamps")
struct TimestampTests {
    @Test(
        "known instants",
        arguments: [
            (0.0, "1970-01-01T00:00:00Z"), (-1, "1969-12-31T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
            (1_767_323_045.999, "2026-01-02T03:04:05Z"), (4_107_542_400, "2100-03-01T00:00:00Z"),
            (253_402_300_799, "9999-12-31T23:59:59Z"), (-62_167_219_200, "0000-01-01T00:00:00Z"),
        ])
    func known(seconds: Double, expected: String) {
        #expect(Timestamp.rfc3339(seconds) == expected)
        #expect(Timestamp.text(seconds: seconds) == expected)
    }

    @Test("what has no such form", arguments: [Double.nan, .infinity, -.infinity, 1e300, 253_402_300_800])
    func unknown(seconds: Double) {
        #expect(Timestamp.rfc3339(seconds) == nil)
        #expect(Timestamp.text(seconds: seconds).utf8.count == 20)
    }

    @Test("every day from 1600 to 2400 follows the one before it")
    func days() {
        var previous = Timestamp.civil(day: -135_141)
        for day in Int64(-135_140)..<157_060 {
            let date = Timestamp.civil(day: day)
            let follows =
                date.day == previous.day + 1 && date.month == previous.month && date.year == previous.year
                || date.day == 1 && previous.day >= 28 && date.month == previous.month % 12 + 1
                    && date.year == previous.year + (previous.month == 12 ? 1 : 0)
            guard follows else {
                Issue.record("\(date) after \(previous)")
                return
            }
            previous = date
        }
    }
}
