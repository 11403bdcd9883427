import Glibc
import Synchronization
import Testing

@testable import Gateway

@Suite("Tasks: the threads") struct TaskThreadsTests {
    private let threads: TaskThreads

    init() throws {
        threads = TaskThreads(few: 2, limit: 8)
        try #require(threads.start())
    }

    /// Runs it as a task on these threads.
    private func run<Result: Sendable>(_ work: @escaping @Sendable () async throws -> Result) async throws -> Result {
        try await Task(executorPreference: threads, operation: work).value
    }

    @Test("tasks run on them") func name() async throws {
        let name = try await run {
            var name = [UInt8](repeating: 0, count: 32)
            let file = open("/proc/thread-self/comm", O_RDONLY)
            defer { close(file) }
            let count = read(file, &name, name.count)
            return Array(name.prefix(max(0, count)))
        }
        #expect(String(decoding: name, as: UTF8.self) == "nexus-tasks\n")
    }

    @Test("every one of many tasks that make tasks runs once", .timeLimit(.minutes(1))) func many() async throws {
        let count = try await run {
            let count = Counter()
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<200 {
                    group.addTask {
                        await withTaskGroup(of: Void.self) { inner in
                            for _ in 0..<50 { inner.addTask { await count.up() } }
                        }
                    }
                }
            }
            return await count.value
        }
        #expect(count == 10_000)
    }

    @Test("tasks that come one by one, each after all is idle, wake a thread", .timeLimit(.minutes(1)))
    func oneByOne() async throws {
        for number in 0..<2000 { #expect(try await run { number } == number) }
    }

    @Test("a sleep ends, and not before its time", .timeLimit(.minutes(1))) func sleep() async throws {
        let slept = try await run {
            let start = ContinuousClock.now
            try await Task.sleep(for: .milliseconds(20))
            try await SuspendingClock().sleep(until: .now.advanced(by: .milliseconds(20)))
            try await Task.sleep(nanoseconds: 20_000_000)
            return ContinuousClock.now - start
        }
        #expect(slept >= .milliseconds(60))
    }

    @Test("a cancelled sleep ends at once", .timeLimit(.minutes(1))) func cancellation() async throws {
        let isCancelled = try await run {
            let sleeper = Task { try await Task.sleep(for: .seconds(3600)) }
            sleeper.cancel()
            if case .failure(let error) = await sleeper.result { return error is CancellationError }
            return false
        }
        #expect(isCancelled)
    }

    @Test("tasks go on, and sleeps end, beside tasks that block all threads there were", .timeLimit(.minutes(1)))
    func blocking() async throws {
        let gate = Wakeup()
        let blocked = (0..<3).map { _ in Task(executorPreference: threads) { await Blocker().block(gate) } }

        let passed = try await run {
            try await Task.sleep(for: .milliseconds(1))
            return true
        }

        for _ in 0..<3 { gate.signal() }
        for task in blocked { await task.value }
        #expect(passed)
    }

    /// What a task should not do, and an adapter's may.
    private actor Blocker {
        func block(_ gate: Wakeup) { gate.wait() }
    }

    private actor Counter {
        private(set) var value = 0
        func up() { value += 1 }
    }
}
