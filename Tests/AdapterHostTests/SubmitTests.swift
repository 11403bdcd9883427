import Core
import JSON
import NIOCore
import Testing

@testable import AdapterHost

@Suite struct SubmitTests {
    @Test func anExchangeIsAnsweredThroughTheABI() async throws {
        let result = try await Bench.make().submit("echo")

        #expect(result.status == 200 && result.written.contains(#""request":{"model":"echo"}"#))
        #expect(result.outcome == ExchangeOutcome(promptTokens: 3, completionTokens: 5, cachedTokens: nil))
        #expect(result.left == 0)
    }

    @Test func aFailureArrivesWithItsKind() async throws {
        let result = try await Bench.make().submit("fail-busy")

        #expect(result.failure?.kind == .busy && result.failure?.status == 429)
        #expect(result.failure?.message == "the echo adapter fails as it was asked to")
        #expect(result.left == 0)
    }

    @Test func anAdapterThatDoesNotTakeTheRequestFailsTheAttempt() async throws {
        let result = try await Bench.make().submit("refuse")

        #expect(result.failure?.kind == .unsupported && result.left == 0)
    }

    @Test func everyWrongCallIsAnsweredWithTheStatusTheHeaderPromises() async throws {
        let result = try await Bench.make().submit("misuse")
        let statuses = try JSONValue.parse(result.written)

        let expected: [(String, Int64)] = [
            ("other_thread", -3), ("write_before_begin", -4), ("finish_before_begin", -4), ("begin_with_500", -1),
            ("begin_null", -1), ("forged_handle", -2), ("zero_handle", -2), ("http_start_null", -1),
            ("http_start_without_handlers", -1), ("http_cancel_forged", -2), ("begin", 0), ("begin_twice", -4),
            ("write_null", -1), ("write_too_large", -5),
            ("write_beyond_memory", -5), ("headers_beyond_memory", -5), ("fail_null", -1), ("unknown_extension", 0),
        ]
        for (what, status) in expected { #expect(statuses[what]?.int == status, "\(what)") }
        #expect(statuses.object?.members.count == expected.count)
        #expect(result.outcome != nil)
    }

    @Test func aCancelledExchangeLeavesNothingBehind() async throws {
        let bench = try await Bench.make()
        let left = try await bench.loop.submit { [services = bench.services, backend = bench.backend] in
            let sink = Sink(body: "{}")
            let request = SubmittedRequest(
                kind: .chat, model: "silent", requestID: "r", path: "/v1/chat/completions", stream: false,
                includeUsage: false, tools: false,
                images: false)
            let task = backend.submit(request, sink: sink, on: services.eventLoop, deadline: .distantFuture)
            let during = backend.taskCount
            task?.cancel()
            return (during, backend.taskCount, sink.failure == nil && sink.outcome == nil)
        }.get()

        #expect(left == (1, 0, true))
    }

    @Test func aDeadlineEndsAnAttemptThatNobodyAnswers() async throws {
        let bench = try await Bench.make()
        let ended = try await bench.loop.submit { [services = bench.services, backend = bench.backend] in
            let sink = Sink(body: "{}")
            let request = SubmittedRequest(
                kind: .chat, model: "silent", requestID: "r", path: "/v1/chat/completions", stream: false,
                includeUsage: false, tools: false,
                images: false)
            let task = backend.submit(request, sink: sink, on: services.eventLoop, deadline: .now())
            (task as? AdapterTask)?.expire()
            return (sink.failure?.kind, backend.taskCount)
        }.get()

        #expect(ended == (.timeout, 0))
    }

    @Test func aProbeReportsModelsAndHealth() async throws {
        let bench = try await Bench.make()
        await bench.probe()

        let view = try #require(bench.registry.views.first)
        #expect(view.status == .healthy && view.metadata["server"] == "echo 1.0")
        #expect(view.models.map(\.id).contains("echo") && view.models.allSatisfy { $0.contextLength == 4096 })
        #expect(bench.backend.taskCount == 0)
    }

    @Test func aRefusedConfigurationGivesTheAdaptersWords() async throws {
        await #expect(throws: AdapterBackend.CreateFailure.self) { _ = try await Bench.make(name: "refused") }
    }
}
