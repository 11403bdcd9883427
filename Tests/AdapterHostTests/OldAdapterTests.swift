import Core
import JSON
import NIOCore
import PluginAPI
import Testing

@testable import AdapterHost

/// Adapters of ABI 1.0, 1.1 and 1.2, as they were and built with the headers of their time (Tests/Adapters/old), work with this
/// host.
@Suite struct OldAdapterTests {
    private func bench(_ minor: Int, _ source: String = "echo.c", apiKeys: [String] = []) async throws -> Bench {
        try await Bench.make(
            apiKeys: apiKeys, adapter: TestAdapter.old(minor, source, in: TestAdapter.directory()))
    }

    @Test(arguments: [0, 1, 2])
    func itIsLoadedAndItsVersionIsShown(_ minor: Int) throws {
        let image = try AdapterImage(path: TestAdapter.old(minor, "echo.c", in: TestAdapter.directory()))

        #expect(image.abiMajor == 1 && Int(image.abiMinor) == minor && image.type == "echo")
    }

    @Test(arguments: [0, 1])
    func itAnswersAnExchangeAndTellsNothingOfWhatCameLater(_ minor: Int) async throws {
        let result = try await bench(minor).submit("echo", headers: [HeaderField(name: "openai-beta", value: "x")])

        #expect(result.status == 200 && result.written.contains(#""request":{"model":"echo"}"#))
        #expect(result.outcome == ExchangeOutcome(promptTokens: 3, completionTokens: 5))
        #expect(result.headers == [] && result.left == 0)
    }

    @Test(arguments: [0, 1, 2])
    func itStreams(_ minor: Int) async throws {
        let result = try await bench(minor).submit("echo", stream: true)

        #expect(result.written.hasSuffix("data: [DONE]\n\n") && result.outcome?.completionTokens == 5)
    }

    @Test(arguments: [0, 1])
    func itsFailureTellsNothingOfTheWorkThatWasDone(_ minor: Int) async throws {
        let failure = try #require(try await bench(minor).submit("fail-late").failure)

        #expect(failure.kind == .upstream && failure.status == 500)
        #expect(failure.message == "the echo adapter fails as it was asked to")
        #expect(failure.outcome == ExchangeOutcome() && failure.headers == [])
    }

    @Test(arguments: [0, 1])
    func itsModelsHaveNoStateAndItsServerAnswersAllKinds(_ minor: Int) async throws {
        let bench = try await bench(minor)
        await bench.probe()

        let view = try #require(bench.registry.views.first)
        #expect(view.status == .healthy && bench.registry.snapshot.backends.first?.kinds == 0)
        #expect(view.models.count == 6)
        #expect(view.models.allSatisfy { $0.isLoaded == nil && $0.size == nil && $0.details.isEmpty })
    }

    @Test(arguments: [0, 1, 2])
    func itsModelsHaveWhatItTellsAndLackNothing(_ minor: Int) async throws {
        let bench = try await bench(minor)
        await bench.probe()

        let models = try #require(bench.registry.views.first).models
        #expect(models.allSatisfy { $0.capabilities == .jsonMode && $0.told == .jsonMode })
    }

    @Test func whatThe12AdapterIsToldArrives() async throws {
        let result = try await bench(2, "told.c").submit(
            "told", headers: [HeaderField(name: "traceparent", value: "00-1")])

        #expect(try JSONValue.parse(result.written)["headers"] == ["traceparent": "00-1"])
    }

    /// Its own thread, posts, timers and blocking work.
    @Test(arguments: [0, 1, 2])
    func itComesBackFromOtherThreads(_ minor: Int) async throws {
        let bench = try await bench(minor, "threaded.c")
        let result = try await bench.submitToTheEnd("m")

        #expect(result.status == 200 && result.written == #"{"choices":[{"message":{"content":"hi"}}]}"#)
        await bench.backend.end()
    }

    @Test(arguments: [0, 1, 2])
    func itsActionsRun(_ minor: Int) async throws {
        let bench = try await bench(minor, "actions.c")
        let runs = ActionRuns { _ in }
        let json = #"{"name":"n","count":-3,"ratio":0.5,"flag":true,"value":[1]}"#
        let (ends, continuation) = AsyncStream.makeStream(of: ActionEnd.self)
        _ = try runs.start("every_type", at: bench.backend, JSONValue.parse(json)) {
            if case .ended(let end) = $0 {
                continuation.yield(end)
                continuation.finish()
            }
        }
        for await end in ends {
            #expect(end.progress.status == .succeeded)
            #expect(try JSONValue.parse(end.result ?? [])["count"] == "-3")
        }
    }

    @Test func whatThe11AdapterTellsAndIsToldArrives() async throws {
        let bench = try await bench(1, "later.c", apiKeys: ["sk-first-key", "sk-second-key"])
        await bench.probe()
        let result = try await bench.submit("m")

        let model = try #require(bench.registry.views.first?.models.first)
        #expect(model.isLoaded == true && model.loadedUntil == .forever && model.details == ["family": "llama"])
        #expect(model.size == 11 && model.memory == 22 && model.deviceMemory == 0)
        #expect(bench.registry.snapshot.backends.first?.kinds == NEXUS_KIND_RERANK)
        #expect(result.written == #"{"path":"/v1/chat/completions","type":"application/json","keys":2}"#)
        #expect(result.warning == "logprobs left out")
        #expect(result.outcome?.promptMicroseconds == 7 && result.outcome?.isEstimated == true)
    }
}
