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

    @Test func subscribersAreWokenInTheOrderInWhichTheyCame() {
        let broadcaster = Broadcaster()
        let order = Mutex<[Int]>([])
        let subscriptions = (0..<5).map { number in
            broadcaster.subscribe { order.withLock { $0.append(number) } }
        }
        broadcaster.unsubscribe(subscriptions[2])
        broadcaster.publish(.models(backendID: "b", models: []))
        #expect(order.withLock { $0 } == [0, 1, 3, 4])
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

    @Test func aPictureOfTheFleetIsMadeOnceForAllAfterEachChange() {
        let broadcaster = Broadcaster()
        var made = 0
        func picture() -> Update {
            broadcaster.picture {
                made += 1
                return [view("a")]
            }
        }
        _ = broadcaster.subscribe {}
        let first = picture()
        #expect(picture() === first && made == 1)

        broadcaster.publish(.requestComplete(request(1)))
        broadcaster.publish(.models(backendID: "a", models: []))
        #expect(picture() === first && made == 1)

        broadcaster.publish(.backends([view("a")]))
        let second = picture()
        #expect(second !== first && picture() === second && made == 2)

        broadcaster.publish(.removed(view("a")))
        #expect(picture() !== second)
    }

    @Test func whatChangedWhileNobodyListenedIsInTheNextPicture() {
        let broadcaster = Broadcaster()
        let subscription = broadcaster.subscribe {}
        let before = broadcaster.picture { [] }
        broadcaster.unsubscribe(subscription)
        broadcaster.publish(.backends([view("a")]))
        _ = broadcaster.subscribe {}

        #expect(broadcaster.picture { [view("a")] } !== before)
    }

    private final class WakeCounter: Sendable { let count = Atomic<Int>(0) }
}

private func request(_ sequence: UInt64) -> HistoryEntry {
    var entry = HistoryEntry(
        timestamp: 1, model: "m", backendID: "b", durationMilliseconds: 1, status: .success)
    entry.sequence = sequence
    return entry
}

@Suite struct FeedTests {
    private let view = BackendView(id: "a", name: "a", url: "u", backendType: "t")
    private var everything: [Update] {
        [
            .backends([view]), .models(backendID: "a", models: []), .removed(view),
            .action(ActionProgress(id: "1", backendID: "a", action: "pull")), .requestComplete(request(1)),
        ].map(Update.init)
    }

    private func kinds(_ updates: [Update]) -> [String] {
        updates.map {
            switch $0.content {
            case .requestComplete: "request"
            case .backends, .fleet: "backends"
            case .models: "models"
            case .removed: "removed"
            case .action: "action"
            case .requests: "requests"
            case .trouble: "trouble"
            case .cancelled: "cancelled"
            }
        }
    }

    @Test func whoAskedForDeltasGetsEverythingAsItWasPublished() {
        var feed = Feed(form: .deltas, lastSequence: 0)
        #expect(kinds(feed.take(everything, now: 0).send) == ["backends", "models", "removed", "action", "request"])
        #expect(feed.picture(now: 0) == .none)
    }

    @Test(arguments: [Feed.Form.pictures, .deltas])
    func onlyWhoWatchesRequestsIsToldWhatWasCancelled(form: Feed.Form) {
        let cancelled = Update(
            .cancelled(
                ActiveExchange(
                    id: "a", key: ActiveExchange.Key(loop: 0, number: 1), model: "m", phase: .prefill,
                    arrival: .uptimeNanoseconds(0))))
        var (plain, watching) = (
            Feed(form: form, lastSequence: 0), Feed(form: form, watchesRequests: true, lastSequence: 0)
        )
        #expect(kinds(plain.take([cancelled], now: 0).send) == [])
        #expect(kinds(watching.take([cancelled], now: 0).send) == ["cancelled"])
    }

    @Test func whatWasNotSentAfterAllIsToldBySnapshotLater() {
        var feed = Feed(form: .deltas, lastSequence: 0)
        let updates = (1...5).map { Update(.requestComplete(request($0))) }
        let sent = feed.take(updates, now: 0).send

        feed.returned(sent[2...])

        #expect(feed.lastSequence == 2)
    }

    @Test func whoDidNotGetsPicturesInsteadOfSingleViews() {
        var feed = Feed(form: .pictures, lastSequence: 0)
        #expect(kinds(feed.take(everything, now: 0).send) == ["models", "request"])
        #expect(feed.picture(now: 0) == .now)
        #expect(feed.picture(now: 0) == .none)
    }

    @Test func ofManyChangesOneAfterAnotherTheNewestPictureCounts() {
        var feed = Feed(form: .pictures, lastSequence: 0)
        let interval = Feed.pictureInterval
        var pictures = 0
        for time in stride(from: UInt64(0), to: 10 * interval, by: 1_000_000) {
            _ = feed.take([Update(.backends([view]))], now: time)
            if feed.picture(now: time) == .now { pictures += 1 }
        }
        #expect(pictures == 10)
        #expect(feed.picture(now: 10 * interval - 1) == .later(1))
        #expect(feed.picture(now: 10 * interval) == .now)
    }

    @Test func aSnapshotIsAPictureAndTellsOnlyWhatIsNew() {
        var feed = Feed(form: .pictures, lastSequence: 0)
        _ = feed.take([Update(.backends([view]))], now: 5)
        let entries = feed.snapshot(newer: (1...150).map(request), now: 5)

        #expect(entries.map(\.sequence) == Array(51...150) && feed.lastSequence == 150)
        #expect(feed.picture(now: 5) == .none)
        #expect(kinds(feed.take([Update(.requestComplete(request(150)))], now: Pacer.tickNanoseconds * 9).send) == [])
    }

    @Test func ofAFloodTheNewestAreSentAndTheOthersCounted() {
        var feed = Feed(form: .deltas, lastSequence: 0)
        let flood = (1...250).map { Update(.requestComplete(request($0))) }
        let (send, skipped) = feed.take(flood, now: 0)

        #expect(send.count == Pacer.requestsPerTick && skipped == 150 && feed.lastSequence == 250)
        #expect(feed.delay(now: 1) > 0 && feed.delay(now: Pacer.tickNanoseconds) == 0)
    }
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
