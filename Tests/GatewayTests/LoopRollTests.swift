import AdapterHost
import Core
import Dispatch
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import Gateway

/// Questions to all event loops, on real threads.
@Suite struct LoopRollTests {
    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 3)
    private let state: GatewayState

    init() {
        let broadcaster = Broadcaster()
        state = GatewayState(
            settings: LiveSettings(Configuration()), logs: .silent,
            registry: Registry(failureThreshold: 1, recoveryThreshold: 1, broadcaster: broadcaster) { _ in },
            broadcaster: broadcaster, historyCapacity: 10)
    }

    /// Runs `body` while as many loops are there.
    private func withLoops(_ body: ([any EventLoop]) async throws -> Void) async throws {
        let eventLoops = Array(group.makeIterator())
        var kept: [NIOLoopBound<LoopState>] = []
        for (index, eventLoop) in eventLoops.enumerated() {
            let state = state
            kept.append(
                try await eventLoop.submit {
                    NIOLoopBound(
                        LoopState(
                            index: index, eventLoop: eventLoop, shared: state,
                            quota: ClientQuota(DescriptorLimits(limit: 4096), loops: 3)),
                        eventLoop: eventLoop)
                }.get())
        }
        try await body(eventLoops)
        withExtendedLifetime(kept) {}
        try await group.shutdownGracefully()
    }

    private func ask(only: Int? = nil, on asker: any EventLoop) async -> (answers: [Int], silent: Int) {
        await withCheckedContinuation { continuation in
            state.loops.ask(
                only: only, on: asker, { $0.index },
                then: { answers, silent in
                    asker.preconditionInEventLoop()
                    continuation.resume(returning: (answers, silent))
                })
        }
    }

    private final class Answer: Sendable {}
    private struct Kept: Sendable { weak var answer: Answer? }

    @Test func whatLoopsAnsweredIsNotKeptUntilTheTimeForItIsOver() {
        let gateway = EmbeddedGateway()
        let kept = Mutex(Kept())
        let given = Mutex(0)
        gateway.state.loops.ask(
            on: gateway.eventLoop,
            { _ in
                let answer = Answer()
                kept.withLock { $0.answer = answer }
                return answer
            }, then: { answers, _ in given.withLock { $0 = answers.count } })
        // No time goes by.
        gateway.eventLoop.run()

        #expect(given.withLock { $0 } == 1 && kept.withLock { $0.answer == nil })
    }

    @Test func eachLoopAnswersInItsPlace() async throws {
        try await withLoops { loops in
            let all = await ask(on: loops[1])
            #expect(all.answers == [0, 1, 2] && all.silent == 0)
            let one = await ask(only: 2, on: loops[0])
            #expect(one.answers == [2] && one.silent == 0)
            let none = await ask(only: 7, on: loops[0])
            #expect(none.answers == [] && none.silent == 0)
        }
    }

    @Test func oneThatIsHeldUpIsNotWaitedForAndNotFlooded() async throws {
        try await withLoops { loops in
            let goOn = DispatchSemaphore(value: 0)
            loops[2].execute { goOn.wait() }
            let first = await ask(on: loops[0])
            #expect(first.answers == [0, 1] && first.silent == 1)
            // The first of these comes when nothing was answered for long enough; up to the bound they wait all the same.
            let asked = Atomic<Int>(0)
            for _ in 0..<(LoopRoll.pending * 2) {
                state.loops.ask(
                    only: 2, on: loops[1], { _ in asked.add(1, ordering: .relaxed) }, then: { _, _ in })
            }
            goOn.signal()
            try await loops[2].submit {}.get()
            #expect(asked.load(ordering: .relaxed) == LoopRoll.pending - 1)
            try await loops[2].submit {}.get()
            let again = await ask(on: loops[0])
            #expect(again.answers == [0, 1, 2] && again.silent == 0)
        }
    }

    @Test func manyQuestionsAtOnceAreAllAnswered() async throws {
        try await withLoops { loops in
            await withTaskGroup(of: Int.self) { tasks in
                for _ in 0..<(LoopRoll.pending * 10) { tasks.addTask { await ask(on: loops[1]).answers.count } }
                for await answers in tasks { #expect(answers == 3) }
            }
        }
    }

    @Test func aPictureIsMadeOnceForAllThatAskAtOnce() async throws {
        try await withLoops { loops in
            let updates = await withTaskGroup(of: Update.self) { tasks in
                for number in 0..<30 {
                    let loop = loops[number % 3]
                    tasks.addTask {
                        await withCheckedContinuation { continuation in
                            loop.execute {
                                state.pictures.picture(of: state, on: loop) { continuation.resume(returning: $0) }
                            }
                        }
                    }
                }
                return await tasks.reduce(into: [Update]()) { $0.append($1) }
            }
            #expect(updates.count == 30 && updates.allSatisfy { $0 === updates[0] && $0.isIdle })
        }
    }
}
