import Synchronization
import Testing

@testable import Core

@Suite struct BroadcastRingTests {
    @Test func aReaderSeesEveryMessageInOrder() {
        var ring = BroadcastRing<Int>(capacity: 4)
        var cursor = ring.next
        var seen: [Int] = []
        for number in 0..<20 {
            ring.publish(number)
            if case .message(let message) = ring.read(&cursor) { seen.append(message) }
        }
        #expect(seen == Array(0..<20))
        #expect(ring.read(&cursor) == .empty)
    }

    @Test func aReaderMayBeBehindByTheCapacity() {
        var ring = BroadcastRing<Int>(capacity: 3)
        var cursor = ring.next
        for number in 0..<3 { ring.publish(number) }
        #expect(ring.read(&cursor) == .message(0))
    }

    @Test func aReaderFurtherBehindLearnsHowMuchItLost() {
        var ring = BroadcastRing<Int>(capacity: 3)
        var cursor = ring.next
        for number in 0..<4 { ring.publish(number) }
        #expect(ring.read(&cursor) == .lagged(lost: 4))
        #expect(ring.read(&cursor) == .empty)
        ring.publish(9)
        #expect(ring.read(&cursor) == .message(9))
    }

    @Test func readersDoNotDisturbEachOther() {
        var ring = BroadcastRing<Int>(capacity: 3)
        var slow = ring.next
        var fast = ring.next
        ring.publish(1)
        #expect(ring.read(&fast) == .message(1))
        #expect(ring.read(&fast) == .empty)
        #expect(ring.read(&slow) == .message(1))
    }

    @Test func itHoldsAThousandMessagesByDefault() {
        #expect(BroadcastRing<Int>.defaultCapacity == 1000)
    }
}

@Suite struct BroadcasterTests {
    private func view(_ id: String) -> BackendView { BackendView(id: id, name: id, url: "u", backendType: "t") }

    @Test func withNobodyListeningNothingIsMade() {
        let broadcaster = Broadcaster()
        var made = false
        func content() -> Update.Content {
            made = true
            return .backends([])
        }
        broadcaster.publish(content())
        #expect(!made)
    }

    @Test func everySubscriberIsWokenAndReadsTheSameUpdate() {
        let broadcaster = Broadcaster()
        let wakes = Atomic<Int>(0)
        let counter = WakeCounter()
        var one = broadcaster.subscribe { counter.count.add(1, ordering: .relaxed) }
        var two = broadcaster.subscribe { counter.count.add(1, ordering: .relaxed) }
        _ = wakes.load(ordering: .relaxed)

        broadcaster.publish(.backends([view("a")]))

        let first = broadcaster.read(&one, limit: 5).updates
        let second = broadcaster.read(&two, limit: 5).updates
        #expect(counter.count.load(ordering: .relaxed) == 2)
        #expect(first.first === second.first && first.count == 1)
    }

    @Test func whoUnsubscribedIsNotWoken() {
        let broadcaster = Broadcaster()
        let counter = WakeCounter()
        let subscription = broadcaster.subscribe { counter.count.add(1, ordering: .relaxed) }
        broadcaster.unsubscribe(subscription)
        broadcaster.publish(.backends([]))
        #expect(counter.count.load(ordering: .relaxed) == 0)
        #expect(!broadcaster.hasListeners)
    }

    @Test func aSubscriberThatFellBehindIsToldOnceAndGoesOn() {
        let broadcaster = Broadcaster()
        var subscription = broadcaster.subscribe {}
        for _ in 0...1000 { broadcaster.publish(.backends([])) }
        #expect(broadcaster.read(&subscription, limit: 10).lagged == 1001)
        broadcaster.publish(.backends([view("x")]))
        #expect(broadcaster.read(&subscription, limit: 10).updates.count == 1)
    }

    private final class WakeCounter: Sendable { let count = Atomic<Int>(0) }
}

@Suite struct PacerTests {
    private let tick = Pacer.tickNanoseconds

    @Test func whatComesOneByOneIsServedAtOnce() {
        var pacer = Pacer()
        for time in 0..<50 {
            #expect(pacer.delay(now: UInt64(time)) == 0)
            pacer.served(requests: 1, now: UInt64(time))
        }
    }

    @Test func aFloodIsServedOncePerTick() {
        var pacer = Pacer()
        pacer.served(requests: Pacer.requestsPerTick, now: tick)
        #expect(pacer.delay(now: tick + 10) == tick - 10)
        #expect(pacer.allowance(now: tick + 10) == 0)
        #expect(pacer.delay(now: 2 * tick) == 0)
        #expect(pacer.allowance(now: 2 * tick) == Pacer.requestsPerTick)
    }

    @Test func theTickIsWellBelowAQuarterOfASecond() {
        #expect(tick <= 125_000_000)
    }
}
