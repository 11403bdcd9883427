import Core
import Foundation
import Logging
import NIOCore
import Testing
import Upstream

@testable import AdapterHost

/// What the host does with an adapter that breaks the rules: Tests/Adapters/hostile.c.
@Suite(.serialized) struct HostileAdapterTests {
    private func bench(_ options: String = "{}", name: String = "hostile") async throws -> Bench {
        try await Bench.make(name: name, source: "hostile.c", options: options)
    }

    /// Returns once the condition holds; other work goes on meanwhile.
    private func until(_ condition: () -> Bool) async {
        while !condition() { await Task.yield() }
    }

    @Test func callbacksOfAStrayThreadAfterDestroyAreCountedAndReachNobody() async throws {
        let bench = try await bench(#"{"probe":"stray"}"#)
        await bench.probe()
        // Before the end: on a busy machine the thread may have done all that it does before this test goes on.
        let late = AdapterFigures.lateCalls
        await bench.backend.end()
        let views = bench.registry.views

        // The thread goes on until it has called hundreds of thousands of times in vain.
        await until { AdapterFigures.lateCalls > late + 20_000 }

        #expect(bench.registry.views == views, "a report was taken after destroy")
        #expect(bench.backend.taskCount == 0)
    }

    @Test func manyBackendsComeAndGoWhileTheirThreadsCallOn() async throws {
        for round in 0..<5 {
            let bench = try await bench(#"{"probe":"flood"}"#, name: "flood\(round)")
            await bench.probe()
            await bench.backend.end()
        }
        let last = try await bench()
        await last.probe()

        #expect(last.registry.views.first?.status == .healthy)
        await last.backend.end()
    }

    @Test func aFloodOfReportsIsCoalescedAndTheOthersAreNotHeldUp() async throws {
        let flooding = try await bench(#"{"probe":"flood"}"#, name: "flooding")
        let other = try await bench(name: "other")
        await flooding.probe()
        for _ in 0..<50 {
            let result = try await other.submit("m")
            #expect(result.status == 200)
        }

        #expect(Misuse.dropped.total > 0)
        await flooding.backend.end()
    }

    @Test func aMillionModelsAreCutToTheLimit() async throws {
        let bench = try await bench(#"{"probe":"million"}"#)
        await bench.probe()

        #expect(bench.registry.views.first?.models.count == 10_000)
    }

    @Test func whatIsNoModelIsDroppedAndTheRestIsCleaned() async throws {
        let bench = try await bench(#"{"probe":"garbage"}"#)
        await bench.probe()
        let view = try #require(bench.registry.views.first)

        #expect(view.status == .healthy)
        #expect(view.models.isEmpty, "the last list counts: five models at no address are none")
    }

    @Test(arguments: [
        (#"{"create":"null"}"#, "the adapter reported success without an instance"),
        (#"{"create":"silent"}"#, "the adapter gave no reason (-7)"),
    ])
    func aCreateThatGoesWrongIsToldInWords(_ options: String, _ words: String) async throws {
        do {
            _ = try await bench(options)
            Issue.record("an instance was made")
        } catch let failure as AdapterBackend.CreateFailure {
            #expect(failure.message == words)
        }
    }

    @Test func aCreateThatDoesNotReturnIsGivenUp() async throws {
        let registry = Registry(failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster()) { _ in }
        let image = try AdapterImage(path: TestAdapter.build("hostile.c", in: TestAdapter.directory()))
        let identity = BackendIdentity(
            id: "b", name: "b", url: "http://127.0.0.1:1", backendType: "hostile", priority: 1)
        do {
            _ = try await AdapterBackend.make(
                identity: identity, image: image,
                target: UpstreamTarget(host: "127.0.0.1", port: 1, isTLS: false, basePath: ""), apiKeys: [],
                options: #"{"create":"blocks"}"#, registry: registry, logger: Logger(label: "test"),
                limit: .milliseconds(1))
            Issue.record("an instance was made")
        } catch {
            #expect(error.message.hasPrefix("the adapter's create did not return within"))
        }
    }

    @Test func aMessageWithoutEndIsCutAndRepaired() async throws {
        do {
            _ = try await bench(#"{"create":"long-message"}"#)
            Issue.record("an instance was made")
        } catch let failure as AdapterBackend.CreateFailure {
            #expect(failure.message.utf8.count <= 1024 * 3 && failure.message.allSatisfy { $0 == "\u{FFFD}" })
        }
    }

    @Test func finishingTwiceCountsOnce() async throws {
        let result = try await bench().submit("finish-twice")

        #expect(result.written == "{}" && result.outcome != nil && result.failure == nil && result.left == 0)
    }

    @Test func whatComesAfterAFailureDoesNotCount() async throws {
        let result = try await bench().submit("fail-then-finish")

        #expect(result.written.isEmpty && result.outcome == nil && result.failure != nil && result.left == 0)
    }

    @Test func anUnknownKindOfFailureWithoutWordsIsTheAdaptersOwn() async throws {
        let result = try await bench().submit("odd-failure")

        #expect(result.failure?.kind == .adapter && result.failure?.message == "The adapter gave no reason.")
        #expect(result.failure?.body.isEmpty == true, "what is no JSON does not go to a client as JSON")
    }

    @Test(arguments: [
        ("odd-sizes", "[-1,-1,-1,-5]"), ("stale", "[-2,-2,-2,-2,-2]"), ("smuggle", "[-1,-1,-1,-1,-1,-1,-1,-1,-1]"),
    ])
    func wrongCallsAreAnsweredAndHarmNothing(_ model: String, _ statuses: String) async throws {
        let bench = try await bench()
        _ = try await bench.submit("keep")
        let result = try await bench.submit(model)

        #expect(result.written == #"{"statuses":\#(statuses)}"#)
        #expect(result.outcome != nil)
    }

    @Test func theExchangeOfAnotherBackendIsRefused() async throws {
        let victim = try await bench(name: "victim")
        var thief = try await bench(name: "thief")
        // On another loop its handle would mean nothing anyway.
        while thief.loop !== victim.loop { thief = try await bench(name: "thief") }
        let handle = try await victim.loop.submit { [victim] in
            let request = SubmittedRequest(
                kind: .chat, model: "never", requestID: "r", path: "/v1/chat/completions", stream: false,
                includeUsage: false, tools: false,
                images: false)
            let attempt = victim.backend.submit(
                request, sink: Sink(body: "{}"), on: victim.services.eventLoop, deadline: .distantFuture)
            return (attempt as? AdapterTask)?.handle
        }.get()

        let result = try await thief.submit("steal-\(try #require(handle))")

        #expect(result.written == #"{"statuses":[-2,-2,-2,-2]}"#)
        #expect(victim.backend.taskCount == 1, "the exchange goes on")
    }

    @Test func aStatusAfterTheEndIsIgnoredAndAnUnknownOneFails() async throws {
        let bench = try await bench()
        let ended = try await bench.submit("refuse-after-end")
        let unknown = try await bench.submit("status-nobody-knows")

        #expect(ended.outcome != nil && ended.failure == nil)
        #expect(unknown.failure?.kind == .adapter && unknown.left == 0)
    }

    @Test func tokenCountsThatCannotBeAreUnknown() async throws {
        let result = try await bench().submit("m")

        #expect(result.outcome == ExchangeOutcome(cachedTokens: 0))
    }

    @Test func anImageWithOddTextsIsShownCleanly() async throws {
        let image = try await bench().backend.image

        #expect(image.displayName == "\u{FFFD}\u{FFFD}Hostile" && !image.version.contains("\n"))
    }
}
