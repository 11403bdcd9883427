import FakeHost
import PluginAPI
import Synchronization
import Testing

/// Says whether a closure that captured it still lives.
private final class Witness: Sendable {}

@Suite struct TimerTests {
    @Test func aTimerCallsOnceWhenItsTimeIsUpAndThenLetsGo() throws {
        try FakeHost.run { host in
            let task = ExchangeTask(handle: host.newTask(), host: Host(FakeHost.table))
            var told: [TaskState] = []
            weak var alive: Witness?
            do {
                let witness = Witness()
                alive = witness
                let timer = task.after(milliseconds: 250) { state in
                    withExtendedLifetime(witness) { told.append(state) }
                }
                try #require(timer != nil)
            }
            #expect(host.timerMilliseconds == [250] && told.isEmpty && alive != nil)

            host.fireTimers()

            #expect(told == [.alive] && alive == nil)
        }
    }

    @Test func aCancelledTimerIsToldInALaterTurn() {
        FakeHost.run { host in
            let task = ProbeTask(handle: host.newTask(), host: Host(FakeHost.table))
            var told: [TaskState] = []
            let timer = task.after(milliseconds: 1) { told.append($0) }

            timer?.cancel()
            #expect(told.isEmpty)
            host.turn()
            timer?.cancel()
            host.turn()

            #expect(told == [.ended] && host.timerMilliseconds.isEmpty)
        }
    }

    @Test func aTimerThatTheHostRefusesIsNeverCalledAndKeepsNothing() {
        weak var alive: Witness?
        do {
            let witness = Witness()
            alive = witness
            // Outside of `run` the fake host refuses everything.
            let timer = ProbeTask(handle: 1, host: Host(FakeHost.table)).after(milliseconds: 1) { _ in
                withExtendedLifetime(witness) { _ = Issue.record("called") }
            }
            #expect(timer == nil)
        }
        #expect(alive == nil)
    }
}

@Suite struct PostTests {
    private let reports = Reports(FakeHost.callbacks)

    @Test func aPostRunsInALaterTurnAndSaysWhetherTheTaskLives() {
        FakeHost.run { host in
            let alive = host.newTask()
            let ended = ExchangeTask(handle: host.newTask(), host: Host(FakeHost.table))
            ended.fail(Failure(kind: NEXUS_FAIL_INTERNAL, message: ""))
            let told = Mutex<[TaskState]>([])

            #expect(reports.post(to: alive) { state in told.withLock { $0.append(state) } } == NEXUS_OK)
            #expect(reports.post(to: ended.handle) { state in told.withLock { $0.append(state) } } == NEXUS_OK)
            #expect(told.withLock { $0.isEmpty })
            host.turn()

            #expect(told.withLock { $0 } == [.alive, .ended])
        }
    }

    @Test func aRefusedPostKeepsNothing() {
        weak var alive: Witness?
        do {
            let witness = Witness()
            alive = witness
            let status = reports.post(to: 1) { _ in withExtendedLifetime(witness) { _ = Issue.record("called") } }
            #expect(status != NEXUS_OK)
        }
        #expect(alive == nil)
    }
}

@Suite struct BlockingTests {
    @Test func theResultOfBlockingWorkComesBackToTheLoop() throws {
        try FakeHost.run { host in
            let task = ExchangeTask(handle: host.newTask(), host: Host(FakeHost.table))
            var told: [String] = []
            weak var alive: Witness?
            do {
                let witness = Witness()
                alive = witness
                let status = task.runBlocking {
                    withExtendedLifetime(witness) { "result" }
                } done: { result, state in
                    told.append("\(result) \(state)")
                }
                try #require(status == NEXUS_OK)
            }
            #expect(told.isEmpty && alive != nil)

            host.turn()

            #expect(told == ["result alive"] && alive == nil)
        }
    }

    @Test func itIsToldThatTheTaskHasEndedMeanwhile() {
        FakeHost.run { host in
            let task = ExchangeTask(handle: host.newTask(), host: Host(FakeHost.table))
            var told: [TaskState] = []
            #expect(task.runBlocking({ 1 }, done: { told.append($1) }) == NEXUS_OK)

            task.fail(Failure(kind: NEXUS_FAIL_INTERNAL, message: ""))
            host.turn()

            #expect(told == [.ended])
        }
    }

    @Test func whatTheHostRefusesIsNeverRun() {
        let task = ExchangeTask(handle: 1, host: Host(FakeHost.table))

        let status = task.runBlocking {
            _ = Issue.record("called")
        } done: { _, _ in
            _ = Issue.record("called")
        }
        #expect(status != NEXUS_OK)
    }
}
