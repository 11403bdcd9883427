import Core
import JSON
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Synchronization
import Testing
import Upstream

@testable import AdapterHost

/// A backend of the adapter in actions.c, and all that its actions tell.
private struct ActionBench {
    let backend: AdapterBackend
    let runs: ActionRuns

    static func make() async throws -> ActionBench {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        try await loop.submit {
            guard LoopServices.current == nil else { return }
            LoopServices(loop: loop) { try NIOSSLContext(configuration: .makeClientConfiguration()) }.bindToThread()
        }.get()
        let image = try AdapterImage(path: TestAdapter.build("actions.c", in: TestAdapter.directory()))
        let backend = try AdapterBackend(
            identity: BackendIdentity(
                id: "one", name: "one", url: "http://127.0.0.1:1", backendType: "actions", priority: 1),
            image: image, target: UpstreamTarget(host: "127.0.0.1", port: 1, isTLS: false, basePath: ""), apiKeys: [],
            options: "{}",
            registry: Registry(failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster()) { _ in },
            logger: Logger(label: "test"))
        return ActionBench(backend: backend, runs: ActionRuns { _ in })
    }

    func start(_ name: String, _ json: String = "{}") throws -> (any ActionRunning, AsyncStream<ActionEvent>) {
        let (events, continuation) = AsyncStream.makeStream(of: ActionEvent.self)
        let run = try runs.start(name, at: backend, JSONValue.parse(json)) { event in
            continuation.yield(event)
            if case .ended = event { continuation.finish() }
        }
        return (run, events)
    }

    struct NoEnd: Error {}

    func run(_ name: String, _ json: String = "{}") async throws -> (end: ActionEnd, progress: [ActionProgress]) {
        var progress: [ActionProgress] = []
        for await event in try start(name, json).1 {
            switch event {
            case .progress(let told): progress.append(told)
            case .ended(let end): return (end, progress)
            }
        }
        throw NoEnd()
    }

    func result(_ name: String, _ json: String = "{}") async throws -> JSONValue {
        try JSONValue.parse(try await run(name, json).end.result ?? [])
    }
}

@Suite struct ActionRunTests {
    @Test func argumentsOfEveryTypeReachTheFunction() async throws {
        let bench = try await ActionBench.make()

        let given = #"{"name":"ä b","count":9007199254740993,"ratio":2.5,"flag":true,"value":{"x":[1]},"note":"n"}"#
        #expect(
            try await bench.result("every_type", given) == [
                "instance": true, "name": "ä b", "count": "9007199254740993", "ratio": 2.5, "flag": 1,
                "value": ["x": [1]], "note": "n", "on": 1, "least": "-9223372036854775808",
            ])
        let other = #"{"name":"","count":-1,"ratio":-0.5,"flag":false,"value":null,"on":false,"least":3,"note":""}"#
        #expect(
            try await bench.result("every_type", other) == [
                "instance": true, "name": "", "count": "-1", "ratio": -0.5, "flag": 0, "value": nil, "note": "",
                "on": 0,
                "least": "3",
            ])
        let short = #"{"name":"n","count":0,"ratio":0,"flag":false,"value":1}"#
        #expect(try await bench.result("every_type", short)["note"] == .null)
    }

    @Test func badEntriesAreLeftOutAndTheRestIsOffered() async throws {
        let bench = try await ActionBench.make()
        let warnings = bench.backend.image.warnings

        #expect(
            bench.backend.offeredActions.map(\.name) == [
                "every_type", "nothing", "wait", "count_up", "fail", "silent_failure", "bad_result", "misuse", "fetch",
            ])
        #expect(warnings.count == 5)
        #expect(warnings.contains { $0.contains("\"Bad-Name\" must match") })
        #expect(warnings.contains { $0.contains("\"nothing\" is there already") })
        #expect(warnings.contains { $0.contains("\"no_help\" has no help text") })
        #expect(warnings.contains { $0.contains("a type is expected: string, int, double, bool, json at position 4") })
        #expect(warnings.contains { $0.contains("\"no_function\" has no function") })
    }

    @Test func anActionWithoutAResultSucceedsWithoutOne() async throws {
        let end = try await ActionBench.make().run("nothing").end

        #expect(end.progress.status == .succeeded && end.result == nil && end.failure == nil)
    }

    @Test func theFirstReasonOfAFailureCounts() async throws {
        let end = try await ActionBench.make().run("fail", #"{"why":"the disk is full"}"#).end

        #expect(end.progress.status == .failed && end.progress.error == "the disk is full")
        #expect(end.failure?.kind == .upstream)
    }

    @Test func aFailureWithoutAReasonSaysSo() async throws {
        let end = try await ActionBench.make().run("silent_failure").end

        #expect(end.progress.status == .failed && end.progress.error == "The adapter gave no reason (status -4).")
    }

    @Test func aResultThatIsNotJSONIsRefusedAndMissing() async throws {
        let end = try await ActionBench.make().run("bad_result").end

        #expect(end.progress.status == .failed)
        #expect(end.progress.error == "The adapter reported success without a result.")
    }

    @Test func wrongCallsAreAnsweredWithTheStatusTheHeaderPromises() async throws {
        #expect(try await ActionBench.make().result("misuse") == [-2, -1, -2, -1, -1])
    }

    @Test func aCancelledActionIsToldAndEndsAsCancelled() async throws {
        let bench = try await ActionBench.make()
        let (run, events) = try bench.start("wait")
        var end: ActionEnd?
        var wasCancelled = false

        for await event in events {
            switch event {
            case .progress(let progress):
                guard progress.done != nil, !wasCancelled else { continue }
                wasCancelled = bench.runs.cancel(id: run.id)
            case .ended(let last): end = last
            }
        }

        #expect(wasCancelled && end?.progress.status == .cancelled && end?.failure == nil)
        #expect(!bench.runs.cancel(id: run.id))
        #expect(bench.runs.records.map(\.progress.status) == [.cancelled])
    }

    @Test func progressIsCoalescedAndTheLastOneArrives() async throws {
        let (end, progress) = try await ActionBench.make().run("count_up", #"{"steps":200000}"#)

        #expect(progress.last?.done == 200_000 && progress.last?.total == 200_000 && progress.last?.fraction == 1)
        #expect(progress.map { $0.done ?? 0 } == progress.map { $0.done ?? 0 }.sorted())
        // The first one of all, the first of the function, ten a second, and the last.
        #expect(progress.count <= 3 + Int(end.milliseconds / 100) + 1)
    }

    @Test func oneActionTooManyIsRefused() async throws {
        let bench = try await ActionBench.make()
        var streams: [AsyncStream<ActionEvent>] = []
        for _ in 0..<ActionRuns.Limits.running { streams.append(try bench.start("wait").1) }

        #expect(throws: ActionRefusal.tooMany) { try bench.start("nothing") }

        bench.runs.close()
        for stream in streams { for await _ in stream {} }
        #expect(bench.runs.runningCount == 0)
        #expect(throws: ActionRefusal.backendGone) { try bench.start("nothing") }
    }

    @Test func theEndOfABackendCancelsItsActionsAndWaitsForThem() async throws {
        let bench = try await ActionBench.make()
        let (_, events) = try bench.start("wait")

        await bench.backend.end()

        var last: ActionEnd?
        for await event in events { if case .ended(let end) = event { last = end } }
        #expect(last?.progress.status == .cancelled)
        #expect(bench.backend.offeredActions.isEmpty)
    }

    @Test func aRequestThatIsRefusedEndsWithTheReason() async throws {
        #expect(
            try await ActionBench.make().result("fetch", #"{"path":"/x"}"#)
                == ["call": 0, "status": 0, "heads": 0, "bytes": 0, "result": 1])
    }

    @Test func aRequestThatCannotBeIsRefusedAtOnce() async throws {
        #expect(
            try await ActionBench.make().result("fetch", #"{"path":"x"}"#)
                == ["call": -1, "status": 0, "heads": 0, "bytes": 0, "result": 99])
    }

    @Test func endedActionsAreRememberedWithinABound() async throws {
        let bench = try await ActionBench.make()
        for _ in 0...ActionRuns.Limits.ended { _ = try await bench.run("nothing") }

        #expect(bench.runs.records.count == ActionRuns.Limits.ended)
    }
}
