import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

@Suite struct ActionTests {
    private static let router = [
        "/v1/models": (UInt32(200), #"{"data":[{"id":"m","owned_by":"llamacpp","status":{"value":"unloaded"}}]}"#)
    ]
    private static let lmStudio = [
        "/v1/models": (UInt32(200), #"{"data":[{"id":"m","owned_by":"organization_owner"}]}"#),
        "/api/v0/models": (200, #"{"data":[{"id":"m","state":"loaded","type":"llm"}]}"#),
        "/api/v1/models": (
            200,
            #"{"models":[{"key":"m","loaded_instances":[{"id":"m"},{"id":"m:2"}]},{"key":"n","loaded_instances":[]}]}"#
        ),
    ]

    /// Probes a server that answers by path, then calls an action of one string; gives what the action sent.
    private func run(
        _ answers: [String: (UInt32, String)], url: String = "http://server:8080", _ name: String, _ model: String,
        _ served: [String: (UInt32, String)] = [:]
    ) throws -> (status: nexus_status, offered: Bool, sent: [String], results: [String], errors: [FakeHost.Failure]) {
        var outcome: (nexus_status, Bool, [String], [String], [FakeHost.Failure]) = (1, false, [], [], [])
        try FakeHost.run { host in
            let adapter = try backend(url: url)
            adapter.probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            func answer(_ request: FakeHost.Request, _ answers: [String: (UInt32, String)]) {
                let (status, body) = answers[request.path] ?? (404, #"{"error":{"message":"not found"}}"#)
                request.answer(status, [], body)
            }
            while let path = host.openPaths.first, let request = host.request(path) { answer(request, answers) }
            let probed = host.requests.count
            host.serveAction = { answer($0, answers.merging(served) { $1 }) }
            guard let action = OpenAIBackend.actions.first(where: { $0.name == name }) else { return }
            let function = unsafeBitCast(action.function, to: AdapterAction.WithText.self)
            let instance = Unmanaged.passRetained(Instance(adapter: adapter, host: Host(FakeHost.table)))
            let status = lend(model) { function(instance.toOpaque(), 7, $0) }
            instance.release()
            outcome = (
                status, adapter.offers(name), host.requests.dropFirst(probed).map { "\($0.path) \($0.body)" },
                host.results, host.errors
            )
        }
        return outcome
    }

    @Test func aRouterOfLlamaCppLoadsAndUnloads() throws {
        let served = [
            "/models/load": (UInt32(200), #"{"success":true}"#), "/models/unload": (200, #"{"success":true}"#),
        ]

        let load = try run(Self.router, "load_model", "m", served)
        let unload = try run(Self.router, "unload_model", "m", served)

        #expect(load.offered && load.status == NEXUS_OK && load.results == [#"{"success":true}"#])
        #expect(load.sent == [#"/models/load {"model":"m"}"#])
        #expect(unload.sent == [#"/models/unload {"model":"m"}"#])
    }

    @Test func theServersOwnPathsStandBesideThePrefix() throws {
        let outcome = try run(
            ["/models": Self.router["/v1/models"] ?? (404, "")], url: "http://server:8080/v1", "load_model", "m")

        #expect(outcome.sent == [#"/models/load {"model":"m"}"#])
    }

    @Test func lmStudioUnloadsEveryInstanceOfAModel() throws {
        let served = ["/api/v1/models/unload": (UInt32(200), #"{"instance_id":"m"}"#)]

        let outcome = try run(Self.lmStudio, "unload_model", "m", served)

        #expect(outcome.offered && outcome.status == NEXUS_OK && outcome.results == [#"{"unloaded":["m","m:2"]}"#])
        #expect(
            outcome.sent == [
                "/api/v1/models ", #"/api/v1/models/unload {"instance_id":"m"}"#,
                #"/api/v1/models/unload {"instance_id":"m:2"}"#,
            ])
    }

    @Test func lmStudioUnloadsOneInstanceByItsName() throws {
        let served = ["/api/v1/models/unload": (UInt32(200), "{}")]

        #expect(
            try run(Self.lmStudio, "unload_model", "m:2", served).sent.last
                == #"/api/v1/models/unload {"instance_id":"m:2"}"#)
    }

    @Test func whatIsNotLoadedCannotBeUnloaded() throws {
        let outcome = try run(Self.lmStudio, "unload_model", "n")

        #expect(outcome.status == NEXUS_FAILED && outcome.errors.map(\.kind) == [NEXUS_FAIL_REJECTED])
    }

    @Test func anErrorWithStatus200IsAnError() throws {
        let served = ["/api/v1/models/load": (UInt32(200), #"{"error":"Unexpected endpoint or method."}"#)]

        let outcome = try run(Self.lmStudio, "load_model", "m", served)

        #expect(outcome.status == NEXUS_FAILED)
        #expect(outcome.errors.first?.message.contains("Unexpected endpoint") == true)
    }

    @Test func anOlderLMStudioOffersNothing() throws {
        var answers = Self.lmStudio
        answers["/api/v1/models"] = (200, #"{"error":"Unexpected endpoint or method. (GET /api/v1/models)"}"#)

        #expect(try !run(answers, "load_model", "m").offered)
    }

    @Test func otherServersOfferNothing() throws {
        let plain = ["/v1/models": (UInt32(200), #"{"data":[{"id":"m","owned_by":"vllm"}]}"#)]

        let outcome = try run(plain, "load_model", "m")

        #expect(!outcome.offered && outcome.sent.isEmpty && outcome.errors.map(\.kind) == [NEXUS_FAIL_UNSUPPORTED])
    }

    @Test func aKeyThatIsRefusedIsNotRepeated() throws {
        let served = ["/models/load": (UInt32(401), #"{"error":{"message":"bad key sk-secret"}}"#)]

        let outcome = try run(Self.router, "load_model", "m", served)

        #expect(outcome.errors.map(\.kind) == [NEXUS_FAIL_AUTH])
        #expect(outcome.errors.first?.message.contains("sk-secret") == false)
    }
}
