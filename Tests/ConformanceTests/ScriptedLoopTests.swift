import ABIRules
import Glibc
import PluginAPI
import Synchronization
import Testing

@testable import AdapterHost
@testable import Conformance

/// What an adapter's functions saw, in order. A C function finds it by its `user`.
private final class Witness: Sendable {
    private let seen = Mutex<[String]>([])
    var events: [String] { seen.withLock { $0 } }
    func note(_ text: String) { seen.withLock { $0.append(text) } }
    var pointer: UnsafeMutableRawPointer { Unmanaged.passUnretained(self).toOpaque() }

    static func of(_ user: UnsafeMutableRawPointer?) -> Witness? {
        user.map { Unmanaged<Witness>.fromOpaque($0).takeUnretainedValue() }
    }

    static let handlers = nexus_http_handlers(
        struct_size: UInt32(MemoryLayout<nexus_http_handlers>.size), reserved: 0,
        on_head: { user, _, head in Witness.of(user)?.note("head \(head?.pointee.status ?? 0)") },
        on_body: { user, _, bytes, length in
            let text = String(decoding: UnsafeRawBufferPointer(start: bytes, count: length), as: UTF8.self)
            Witness.of(user)?.note("body \(text)")
        },
        on_end: { user, _, end in Witness.of(user)?.note("end \(end?.pointee.result ?? 99)") })
}

@Suite struct ScriptedLoopTests {
    nonisolated(unsafe) private static let table = UnsafeMutablePointer<nexus_adapter>.allocate(capacity: 1)
    private let breaches = Breaches()
    private let witness = Witness()

    /// A backend whose adapter does nothing by itself: the tests call the host in its place.
    private func backend() throws -> ScriptedBackend {
        let functions = AdapterFunctions(
            table: UnsafePointer(Self.table), create: { _, _, _, _, _ in NEXUS_FAILED }, destroy: { _ in },
            probe: { _, _ in }, submit: { _, _, _ in NEXUS_OK }, cancel: nil, extension: nil)
        return ScriptedBackend(functions, log: ReportLog(breaches: breaches), instance: witness.pointer)
    }

    private func loop(_ arrival: @escaping (UpstreamRequest) -> Arrival = { _ in Arrival() }) -> ScriptedLoop {
        ScriptedLoop(breaches: breaches, ownThreads: 1_000_000, respond: arrival)
    }

    private func answer(_ text: String, pieces: Int = 1) -> Arrival {
        let body = Array(text.utf8)
        let size = max(1, body.count / pieces)
        return Arrival(
            answer: UpstreamAnswer(body: body),
            pieces: stride(from: 0, to: body.count, by: size).map { body[$0..<min($0 + size, body.count)] })
    }

    private func startHTTP(
        _ task: ScriptedTask, path: String = "/x", headers: [(String, String)] = [], timeout: UInt32 = 0
    ) -> (nexus_status, nexus_http) {
        var handle: nexus_http = 0
        let texts = headers.map { (Array($0.0.utf8), Array($0.1.utf8)) }.map {
            nexus_header(name: Lending.keep($0.0), value: Lending.keep($0.1))
        }
        let status = withBorrowed(path) { path in
            withBorrowed("GET") { method in
                texts.withUnsafeBufferPointer { headers in
                    var request = nexus_http_request()
                    request.struct_size = UInt32(MemoryLayout<nexus_http_request>.size)
                    request.method = method
                    request.path = path
                    request.headers = headers.baseAddress
                    request.header_count = headers.count
                    request.timeout_ms = timeout
                    var handlers = Witness.handlers
                    return ScriptedHost.table.pointee.http_start(
                        task.handle, &request, &handlers, witness.pointer, &handle)
                }
            }
        }
        return (status, handle)
    }

    private func begin(_ task: ScriptedTask, status: UInt32 = 200) -> nexus_status {
        var head = nexus_response_head()
        head.struct_size = UInt32(MemoryLayout<nexus_response_head>.size)
        head.status = status
        return ScriptedHost.table.pointee.exchange_begin(task.handle, &head)
    }

    private func finish(_ task: ScriptedTask) -> nexus_status {
        ScriptedHost.table.pointee.exchange_finish(task.handle, nil)
    }

    // MARK: HTTP

    @Test func anAnswerComesInOrderAndNeverInsideTheCall() throws {
        let loop = loop { _ in answer("abcd", pieces: 2) }
        let task = loop.begin(.exchange, try backend(), timeout: 1000)
        let (status, _) = loop.inside { startHTTP(task) }
        #expect(status == NEXUS_OK && witness.events.isEmpty)

        loop.settle()

        #expect(witness.events == ["head 200", "body ab", "body cd", "end 0"])
    }

    @Test func aCancelledRequestEndsOnceInALaterTurn() throws {
        let loop = loop { _ in answer("abcd") }
        let task = loop.begin(.exchange, try backend(), timeout: 1000)
        let (_, handle) = loop.inside { startHTTP(task) }

        let statuses = loop.inside { (0..<2).map { _ in ScriptedHost.table.pointee.http_cancel(handle) } }
        #expect(statuses == [NEXUS_OK, NEXUS_OK] && witness.events.isEmpty)
        loop.settle()

        #expect(witness.events == ["end \(NEXUS_HTTP_CANCELLED)"])
        #expect(loop.inside { ScriptedHost.table.pointee.http_cancel(handle) } == NEXUS_STALE)
    }

    @Test func aRequestTimesOutByTheLoopsOwnClock() throws {
        let loop = loop { _ in Arrival(end: nil) }
        let task = loop.begin(.exchange, try backend(), timeout: 3_600_000)
        _ = loop.inside { startHTTP(task, timeout: 60_000) }

        loop.settle()

        #expect(witness.events == ["end \(NEXUS_HTTP_TIMED_OUT)"] && task.ender == .deadline)
    }

    @Test func afterTheEndOfAnExchangeOnlyTheEndOfARequestFollows() throws {
        let loop = loop { _ in answer("abcd", pieces: 4) }
        let task = loop.begin(.exchange, try backend(), timeout: 1000)
        _ = loop.inside { startHTTP(task) }
        loop.run(turns: 2)
        let statuses = loop.inside { [begin(task), finish(task)] }
        loop.settle()

        #expect(statuses == [NEXUS_OK, NEXUS_OK])
        #expect(witness.events == ["head 200", "body a", "end \(NEXUS_HTTP_CANCELLED)"])
    }

    @Test(arguments: ["host", "Content-Length", "transfer-encoding", "CONNECTION", "no token"])
    func aHeaderThatIsNotTheAdaptersIsABreach(_ name: String) throws {
        let loop = loop()
        let task = loop.begin(.exchange, try backend(), timeout: 1000)

        let (status, _) = loop.inside { startHTTP(task, headers: [(name, "x")]) }

        #expect(status == NEXUS_INVALID && breaches.words(.badRequest) != nil)
    }

    // MARK: Exchanges

    @Test func callsOutOfOrderAreRefusedAndNoted() throws {
        let loop = loop()
        let task = loop.begin(.exchange, try backend(), timeout: 1000)
        let host = ScriptedHost.table.pointee

        let statuses = loop.inside {
            [
                host.exchange_write(task.handle, "x", 1), finish(task), begin(task, status: 500), begin(task),
                begin(task), host.exchange_write(task.handle, nil, 3), host.exchange_write(task.handle, "x", 1),
                finish(task), finish(task), host.exchange_write(task.handle, "x", 1),
                host.exchange_write(task.handle + 99, "x", 1),
            ]
        }

        #expect(
            statuses == [
                NEXUS_BAD_STATE, NEXUS_BAD_STATE, NEXUS_INVALID, NEXUS_OK, NEXUS_BAD_STATE, NEXUS_INVALID, NEXUS_OK,
                NEXUS_OK, NEXUS_STALE, NEXUS_STALE, NEXUS_STALE,
            ])
        for breach in [
            .writeBeforeBegin, .finishBeforeBegin, .badStatus, .beganTwice, .badArgument, .endedTwice, .afterEnd,
            .unknownHandle,
        ] as [Breach] {
            #expect(breaches.words(breach) != nil, "\(breach)")
        }
        #expect(task.text == "x" && task.isFinished)
    }

    @Test func aCallAfterACancelIsRefusedWithoutBlame() throws {
        let loop = loop()
        let task = loop.begin(.exchange, try backend(), timeout: 1000)
        loop.cancel(task)

        #expect(loop.inside { begin(task) } == NEXUS_STALE)
        #expect(breaches.words(.afterEnd, .unknownHandle) == nil)
    }

    @Test func aCallFromAnotherThreadIsRefusedAndNoted() throws {
        let loop = loop()
        let task = loop.begin(.exchange, try backend(), timeout: 1000)

        #expect(begin(task) == NEXUS_WRONG_THREAD)
        #expect(breaches.words(.wrongThread) != nil)
    }

    // MARK: Timers, posts, blocking work

    @Test func timersFireInTheOrderOfTheirTimes() throws {
        let loop = loop()
        let task = loop.begin(.exchange, try backend(), timeout: 10_000_000)
        loop.inside {
            for milliseconds in [500, 100, 86_400_000 / 10] as [UInt32] {
                var timer: nexus_timer = 0
                _ = ScriptedHost.table.pointee.timer_start(
                    task.handle, milliseconds,
                    { user, _, status in Witness.of(user)?.note("\(LoopThread.loop?.now ?? 0): \(status)") },
                    witness.pointer, &timer)
            }
        }

        loop.settle()

        #expect(witness.events == ["100: 0", "500: 0", "8640000: 0"])
    }

    @Test func aTimerOfATaskThatEndsIsToldSo() throws {
        let loop = loop()
        let task = loop.begin(.exchange, try backend(), timeout: 1000)
        var timer: nexus_timer = 0
        loop.inside {
            _ = ScriptedHost.table.pointee.timer_start(
                task.handle, 60_000, { user, _, status in Witness.of(user)?.note("\(status)") }, witness.pointer, &timer
            )
        }
        loop.cancel(task)
        loop.settle()

        #expect(witness.events == ["\(NEXUS_STALE)"])
        #expect(loop.inside { ScriptedHost.table.pointee.timer_cancel(timer) } == NEXUS_STALE)
    }

    @Test func blockingWorkRunsElsewhereAndComesBack() throws {
        let loop = loop()
        let task = loop.begin(.exchange, try backend(), timeout: 1000)
        let status = loop.inside {
            ScriptedHost.table.pointee.run_blocking(
                task.handle, { user in Witness.of(user)?.note("work on a loop: \(LoopThread.loop != nil)") },
                { user, _, status in Witness.of(user)?.note("done on a loop: \(LoopThread.loop != nil), \(status)") },
                witness.pointer)
        }
        loop.settle()

        #expect(status == NEXUS_OK)
        #expect(witness.events == ["work on a loop: false", "done on a loop: true, 0"])
    }

    @Test func aPostReachesTheLoopOfItsTaskInOrder() throws {
        let loop = loop()
        let bound = try BoundLog(breaches: breaches)
        let task = loop.begin(.exchange, try backend(), timeout: 1000)
        let gone = loop.begin(.exchange, try backend(), timeout: 1000)
        loop.cancel(gone)
        let note: nexus_posted = { user, _, status in Witness.of(user)?.note("\(status)") }

        let statuses = [task, gone].map { bound.pointer.pointee.post($0.handle, note, witness.pointer) }
        loop.settle()

        #expect(statuses == [NEXUS_OK, NEXUS_OK] && witness.events == ["0", "\(NEXUS_STALE)"])
        bound.log.revoke()
        #expect(bound.pointer.pointee.post(task.handle, note, witness.pointer) == NEXUS_STALE)
        #expect(breaches.words(.lateCallback) == "post after destroy")
    }

    @Test func aLoopThatHasClosedTakesNoPosts() throws {
        let loop = loop()
        let bound = try BoundLog(breaches: breaches)
        let task = loop.begin(.exchange, try backend(), timeout: 1000)
        let note: nexus_posted = { user, _, status in Witness.of(user)?.note("\(status)") }
        _ = bound.pointer.pointee.post(task.handle, note, witness.pointer)

        loop.close()

        #expect(witness.events == ["0"])
        #expect(bound.pointer.pointee.post(task.handle, note, witness.pointer) == NEXUS_STALE)
        loop.settle()
        #expect(witness.events == ["0"])
    }

    @Test func theFirstReportOfHealthEndsAProbeAndTheSecondIsNoted() throws {
        let loop = loop()
        let bound = try BoundLog(breaches: breaches)
        let task = loop.begin(.probe, try backend(), timeout: 1000)
        bound.log.beginProbe(task.handle)
        var health = nexus_health()
        health.struct_size = UInt32(MemoryLayout<nexus_health>.size)
        health.status = NEXUS_HEALTHY

        bound.pointer.pointee.report_health(&health)
        bound.pointer.pointee.report_health(&health)
        loop.settle()

        #expect(task.ender == .adapter && bound.log.now.health.count == 2)
        #expect(breaches.words(.healthTwice) != nil)
    }
}
