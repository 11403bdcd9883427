import NIOCore
import NIOEmbedded
import NIOPosix
import Synchronization
import Testing

@testable import Core

@Suite struct AdmissionTests {
    private let wants = Admission.Wants(model: "m", kind: .chat)

    /// Waiters that take a place of `capacity` when they are woken, and note who did.
    private final class Waiters: Sendable {
        let capacity = Capacity()
        let limit: Int
        let served = Mutex<[Int]>([])
        let held = Mutex<[Int]>([])

        init(limit: Int) { self.limit = limit }
    }

    private func admission(_ waiters: Waiters, size: Int = 100) -> Admission {
        var settings = Configuration.Queue()
        settings.maxSize = size
        return Admission(settings) { _ in { _ in waiters.capacity.hasPlace(limit: waiters.limit) } }
    }

    @Test func whatANewRequestWantsIsWorkedOutWithoutHoldingUpTheQueue() {
        let loop = EmbeddedEventLoop()
        let admission = Admission { _ in { _ in false } }
        _ = admission.enter(client: 1, priority: .normal, wants: wants, on: loop) { _ in }
        func asked() -> Admission.Wants {
            // Would never return if the queue were held meanwhile.
            #expect(admission.figures.waiting == 1)
            return wants
        }
        #expect(!admission.mayTry(asked()))
    }

    @Test func whoGoesOnWaitingForSomethingElseIsNotOvertakenThere() throws {
        let loop = EmbeddedEventLoop()
        let other = Admission.Wants(model: "other", kind: .chat)
        let admission = Admission { _ in { _ in true } }
        _ = admission.enter(client: 1, priority: .normal, wants: wants, on: loop) { admission.stays($0, wants: other) }
        loop.run()
        #expect(admission.mayTry(wants) && !admission.mayTry(other))
    }

    @Test func whileNobodyWaitsAnybodyMayTry() {
        let admission = admission(Waiters(limit: 1))
        #expect(admission.mayTry(wants) && admission.count == 0)
    }

    @Test func aNewRequestDoesNotOvertakeThoseThatWaitForTheSame() throws {
        let loop = EmbeddedEventLoop()
        let waiters = Waiters(limit: 1)
        let lease = waiters.capacity.lease(limit: 1)
        let admission = admission(waiters)
        let woken = Mutex(0)
        let entered = admission.enter(client: 1, priority: .normal, wants: wants, on: loop) { _ in
            woken.withLock { $0 += 1 }
        }
        guard case .waits(let ticket) = entered else { throw Refused() }
        #expect(!admission.mayTry(wants))
        #expect(admission.mayTry(Admission.Wants(model: "other", kind: .chat)))

        lease?.end()
        admission.placesChanged()

        #expect(!admission.mayTry(Admission.Wants(model: "other", kind: .chat)), "it may be after the same place")
        loop.run()
        #expect(woken.withLock { $0 } == 1)
        admission.admitted(ticket)
        #expect(admission.mayTry(wants) && admission.figures.admitted == 1)
    }

    private struct Refused: Error {}

    @Test func aPlaceThatBecameFreeBeforeItsWaiterWasCountedWakesIt() {
        let loop = EmbeddedEventLoop()
        let waiters = Waiters(limit: 1)
        let admission = admission(waiters)
        let woken = Mutex(0)
        _ = admission.enter(client: 1, priority: .normal, wants: wants, on: loop) { _ in woken.withLock { $0 += 1 } }
        loop.run()
        #expect(woken.withLock { $0 } == 1)
    }

    @Test func oneIsWokenAtATimeInTheOrderOfTheQueue() {
        let loop = EmbeddedEventLoop()
        let waiters = Waiters(limit: 0)
        let isOpen = Mutex(false)
        let admission = Admission { _ in { _ in isOpen.withLock { $0 } } }
        for (name, priority) in [(1, AdmissionQueue.Priority.low), (2, .normal), (3, .high)] {
            _ = admission.enter(client: name, priority: priority, wants: wants, on: loop) { ticket in
                waiters.served.withLock { $0.append(name) }
                admission.admitted(ticket)
            }
        }
        isOpen.withLock { $0 = true }
        admission.placesChanged()
        loop.run()
        #expect(waiters.served.withLock { $0 } == [3, 2, 1] && admission.count == 0)
    }

    @Test func anEventWhileOneLooksMakesItLookAgain() throws {
        let loop = EmbeddedEventLoop()
        let admission = Admission { _ in { _ in true } }
        let woken = Mutex(0)
        _ = admission.enter(client: 1, priority: .normal, wants: wants, on: loop) { ticket in
            if woken.withLock({
                $0 += 1
                return $0
            }) == 1 {
                admission.placesChanged()
            }
            admission.stays(ticket)
        }
        loop.run()
        #expect(woken.withLock { $0 } == 2, "and not for ever")
    }

    @Test func aHeldUpLoopDoesNotKeepTheOthersWaiting() {
        let (stuck, loop) = (EmbeddedEventLoop(), EmbeddedEventLoop())
        let time = Mutex<UInt64>(1)
        let admission = Admission(clock: { time.withLock { $0 } }, vacancies: { _ in { _ in true } })
        let served = Mutex<[Int]>([])
        _ = admission.enter(client: 1, priority: .high, wants: wants, on: stuck) { ticket in
            served.withLock { $0.append(1) }
            admission.admitted(ticket)
        }
        let other = Admission.Wants(model: "other", kind: .chat)
        _ = admission.enter(client: 2, priority: .normal, wants: other, on: loop) { ticket in
            served.withLock { $0.append(2) }
            admission.admitted(ticket)
        }
        loop.run()
        #expect(served.withLock { $0 } == [])
        time.withLock { $0 += Admission.patience + 1 }
        admission.lookAtTime()
        loop.run()
        #expect(served.withLock { $0 } == [2])
        stuck.run()
        #expect(served.withLock { $0 } == [2, 1] && admission.count == 0)
    }

    @Test func theNextForTheSameGetsWhatOneIsWokenForThatDoesNotAnswer() {
        let (stuck, loop) = (EmbeddedEventLoop(), EmbeddedEventLoop())
        let time = Mutex<UInt64>(1)
        let admission = Admission(clock: { time.withLock { $0 } }, vacancies: { _ in { _ in true } })
        let woken = Mutex<[Int]>([])
        _ = admission.enter(client: 1, priority: .high, wants: wants, on: stuck) { ticket in
            woken.withLock { $0.append(1) }
            if woken.withLock({ $0.count }) == 2 { admission.stays(ticket) } else { admission.admitted(ticket) }
        }
        _ = admission.enter(client: 2, priority: .normal, wants: wants, on: loop) { ticket in
            woken.withLock { $0.append(2) }
            admission.admitted(ticket)
        }
        time.withLock { $0 += Admission.patience + 1 }
        admission.lookAtTime()
        loop.run()
        #expect(woken.withLock { $0 } == [2])
        // It comes back, finds nothing, and is asked again as others are.
        stuck.run()
        #expect(woken.withLock { $0 } == [2, 1, 1] && admission.count == 0)
        #expect(admission.figures.admitted == 2)
    }

    /// Places are taken and given back on many threads; each waiter must get one although nothing but the end of leases wakes.
    @Test func noWakeUpIsLostAmongThreads() async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 4)
        let waiters = Waiters(limit: 2)
        let admission = admission(waiters, size: 100_000)
        let total = 20_000
        let done = Atomic<Int>(0)
        let most = Atomic<Int>(0)
        let wants = wants
        let (stream, end) = AsyncStream<Void>.makeStream()

        @Sendable func work() {
            let now = waiters.capacity.inUse
            if now > most.load(ordering: .relaxed) { most.store(now, ordering: .relaxed) }
            if done.add(1, ordering: .sequentiallyConsistent).newValue == total { end.finish() }
        }
        for number in 0..<total {
            let loop = group.next()
            loop.execute {
                if admission.mayTry(wants), let lease = waiters.capacity.lease(limit: waiters.limit) {
                    work()
                    lease.end()
                    return admission.placesChanged()
                }
                _ = admission.enter(client: number % 5, priority: .normal, wants: wants, on: loop) { ticket in
                    guard let lease = waiters.capacity.lease(limit: waiters.limit) else {
                        return admission.stays(ticket)
                    }
                    admission.admitted(ticket)
                    work()
                    lease.end()
                    admission.placesChanged()
                }
            }
        }
        for await _ in stream {}
        #expect(done.load(ordering: .relaxed) == total && most.load(ordering: .relaxed) <= 2)
        #expect(admission.count == 0 && waiters.capacity.inUse == 0)
        try await group.shutdownGracefully()
    }
}
