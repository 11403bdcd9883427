import NIOCore
import NIOEmbedded
import Synchronization
import Testing

@testable import Core

@Suite struct CapacityTests {
    private final class Woken: Sendable {
        let names = Mutex<[String]>([])
        func note(_ name: String) { names.withLock { $0.append(name) } }
        var all: [String] { names.withLock { $0 } }
    }

    private let capacity = Capacity()
    private let loop = EmbeddedEventLoop()
    private let woken = Woken()

    private func wait(_ name: String) -> Capacity.Ticket? {
        capacity.wait(on: loop) { [woken] in woken.note(name) }
    }

    @Test func aPlaceIsTakenOnceAndGivenBackOnce() {
        let first = capacity.lease(limit: 1)
        let second = capacity.lease(limit: 1)
        #expect(capacity.inUse == 1)
        let (hasFirst, hasSecond) = (first != nil, second != nil)
        #expect(hasFirst && !hasSecond)

        first?.end()

        #expect(capacity.inUse == 0)
    }

    @Test func aLeaseThatIsDroppedGivesItsPlaceBack() {
        do {
            let lease = capacity.lease(limit: nil)
            #expect(capacity.inUse == 1)
            _ = lease
        }
        #expect(capacity.inUse == 0)
    }

    @Test func aPlaceThatIsGivenBackWakesTheOneThatWaitedLongestOnItsOwnLoop() {
        let lease = capacity.lease(limit: 1)
        _ = wait("first")
        _ = wait("second")

        lease?.end()
        #expect(woken.all.isEmpty, "not on the thread that gave it back")
        loop.run()

        #expect(woken.all == ["first"] && capacity.waiters == 1)
    }

    @Test func whoIsRefusedWakesNobody() {
        let lease = capacity.lease(limit: 1)
        _ = wait("first")

        let refused = capacity.lease(limit: 1) == nil
        loop.run()

        #expect(refused && woken.all.isEmpty)
        lease?.end()
    }

    @Test func whoGaveUpIsNotWoken() {
        let lease = capacity.lease(limit: 1)
        let first = wait("first")
        _ = wait("second")

        #expect(first?.giveUp() == true)
        #expect(first?.giveUp() == false)
        lease?.end()
        loop.run()

        #expect(woken.all == ["second"])
    }

    @Test func whoWasWokenInVainPassesItOn() {
        let lease = capacity.lease(limit: 1)
        let first = wait("first")
        _ = wait("second")
        lease?.end()

        if first?.giveUp() == false { capacity.wakeNext() }
        loop.run()

        #expect(woken.all == ["first", "second"])
    }

    @Test func allAreWokenWhenTheLimitChanges() {
        let lease = capacity.lease(limit: 1)
        for name in ["a", "b", "c"] { _ = wait(name) }

        capacity.wakeAll()
        loop.run()

        #expect(woken.all == ["a", "b", "c"] && capacity.waiters == 0)
        lease?.end()
    }

    @Test func onlySoManyMayWait() {
        for _ in 0..<Capacity.waiterLimit { #expect(wait("x") != nil) }
        #expect(wait("one too many") == nil)
    }

    @Test func noPlaceIsLostBetweenThreads() async {
        let capacity = capacity
        let taken = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var taken = 0
                    for _ in 0..<10_000 {
                        if let lease = capacity.lease(limit: 3) {
                            taken += 1
                            if capacity.inUse > 3 { taken = -1_000_000 }
                            lease.end()
                        }
                    }
                    return taken
                }
            }
            return await group.reduce(0, +)
        }
        #expect(taken > 0 && capacity.inUse == 0)
    }
}
