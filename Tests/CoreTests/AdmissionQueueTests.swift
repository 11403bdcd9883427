import Testing

@testable import Core

@Suite struct AdmissionQueueTests {
    fileprivate typealias Queue = AdmissionQueue
    private static let second: UInt64 = 1_000_000_000
    private let chat = Queue.Wants(model: "m", kind: .chat)
    private let other = Queue.Wants(model: "other", kind: .chat)

    private func queue(_ size: Int = 100) -> Queue { Queue(maximumSize: size, maximumWait: 40 * Self.second) }

    private func ticket(_ entered: Queue.Entered) throws -> Queue.Ticket {
        guard case .waits(let ticket) = entered else { throw Refused() }
        return ticket
    }
    private struct Refused: Error {}

    @discardableResult private func enter(
        _ queue: inout Queue, _ client: Int, _ priority: Queue.Priority = .normal, wants: Queue.Wants? = nil,
        now: UInt64 = 1
    ) throws -> Queue.Ticket {
        try ticket(queue.enter(client: client, priority: priority, wants: wants ?? chat, now: now))
    }

    private func next(
        _ queue: inout Queue, now: UInt64, _ mayFind: (Queue.Wants) -> Bool = { _ in true }
    ) -> Queue.Ticket? {
        queue.next(now: now, mayFind: mayFind)
    }

    /// Serves all, in order.
    private func drain(_ queue: inout Queue, now: UInt64 = 1) -> [Queue.Ticket] {
        var order: [Queue.Ticket] = []
        while let next = queue.next(now: now, mayFind: { _ in true }) {
            queue.serve(next, now: now)
            order.append(next)
        }
        return order
    }

    @Test func oneClientsRequestsAreServedInTheirOrder() throws {
        var queue = queue()
        let tickets = try (0..<40).map { _ in try enter(&queue, 1) }
        let order = drain(&queue)
        #expect(order == tickets && queue.count == 0)
    }

    @Test func clientsTakeTurns() throws {
        var queue = queue()
        let first = try (0..<3).map { _ in try enter(&queue, 1) }
        let second = try (0..<2).map { _ in try enter(&queue, 2) }
        let order = drain(&queue)
        #expect(order == [first[0], second[0], first[1], second[1], first[2]])
    }

    @Test func aHigherPriorityComesFirst() throws {
        var queue = queue()
        let low = try enter(&queue, 1, .low)
        let normal = try enter(&queue, 2)
        let high = try enter(&queue, 3, .high)
        let order = drain(&queue)
        #expect(order == [high, normal, low])
    }

    @Test func whatHasWaitedLongRises() throws {
        var queue = queue()
        let low = try enter(&queue, 1, .low, now: 1)
        let normal = try enter(&queue, 2, now: 11 * Self.second)
        let high = try enter(&queue, 3, .high, now: 11 * Self.second)
        let found1 = next(&queue, now: 11 * Self.second)
        #expect(found1 == high)
        // By now it counts as high, and so does the normal one.
        let late = try enter(&queue, 4, .high, now: 21 * Self.second)
        let order = drain(&queue, now: 22 * Self.second)
        #expect(order == [high, late, normal, low])
    }

    @Test func whoRisesDoesNotWaitForThoseWhoCameToItsRankBefore() throws {
        var queue = queue()
        let low = try enter(&queue, 1, .low, now: 1)
        let normal = try enter(&queue, 2, now: 14 * Self.second)
        let first = next(&queue, now: 15 * Self.second)
        #expect(first == normal)
        let order = drain(&queue, now: 21 * Self.second)
        #expect(order == [low, normal])
    }

    @Test func theLowestIsServedWhileHigherOnesKeepComing() throws {
        var queue = queue()
        let low = try enter(&queue, 9, .low, now: 0)
        var servedAt: UInt64?
        for second in 1...40 where servedAt == nil {
            let now = UInt64(second) * Self.second
            try enter(&queue, 1 + second % 3, .high, now: now)
            try enter(&queue, 5 + second % 3, .high, now: now)
            guard let next = queue.next(now: now, mayFind: { _ in true }) else { break }
            if next == low { servedAt = now }
            queue.serve(next, now: now)
        }
        #expect(try #require(servedAt) <= 30 * Self.second)
    }

    @Test func whoCannotBeServedHoldsUpNobodyElse() throws {
        var queue = queue()
        try enter(&queue, 1, .high)
        let able = try enter(&queue, 2, .low, wants: other)
        let wants = other
        let found2 = next(&queue, now: 1) { $0 == wants }
        #expect(found2 == able)
        #expect(queue.isWaiting(for: chat) && queue.isWaiting(for: other))
    }

    @Test func whoComesBackStandsWhereItStood() throws {
        var queue = queue()
        let first = try enter(&queue, 1, now: 1)
        let second = try enter(&queue, 1, now: 2)
        let other = try enter(&queue, 2, now: 3)
        queue.setAside(first)
        let third = try enter(&queue, 1, now: 4)
        let isBack = queue.takeBack(first)
        #expect(isBack && queue.place(of: first) == 1)
        let order = drain(&queue)
        #expect(order == [first, other, second, third])
    }

    @Test func whoComesBackHasTheTurnOfItsClientAlsoIfNobodyElseOfItWaited() throws {
        var queue = queue()
        let first = try enter(&queue, 1)
        let other = try enter(&queue, 2)
        queue.setAside(first)
        _ = queue.takeBack(first)
        let order = drain(&queue)
        #expect(order == [first, other])
    }

    @Test func whoIsServedWhileItIsAsideHasHadItsTurn() throws {
        var queue = queue()
        let first = try enter(&queue, 1)
        let other = try enter(&queue, 2)
        queue.setAside(first)
        let second = try enter(&queue, 1)
        queue.serve(first, now: 1)
        let order = drain(&queue)
        #expect(order == [other, second])
    }

    @Test func whoComesBackRisesAsSoonAsItHasWaitedLongEnough() throws {
        var queue = queue()
        let low = try enter(&queue, 1, .low, now: 0)
        queue.setAside(low)
        // In front of it in the order of their coming, and not yet old enough.
        try enter(&queue, 2, .low, now: 9 * Self.second)
        let normal = try enter(&queue, 3, now: 9 * Self.second)
        _ = queue.takeBack(low)
        let served = next(&queue, now: 11 * Self.second)
        #expect(served == normal, "both are of the same rank now, and it came to it later")
        queue.serve(normal, now: 11 * Self.second)
        let then = next(&queue, now: 11 * Self.second)
        #expect(then == low)
        queue.leave(low)
        #expect(queue.count == 1)
    }

    @Test func whoWaitsForSomethingElseKeepsItsTurn() throws {
        var queue = queue()
        let first = try enter(&queue, 1)
        let second = try enter(&queue, 2, wants: other)
        queue.change(first, to: other)
        #expect(!queue.isWaiting(for: chat) && queue.isWaiting(for: other))
        let order = drain(&queue)
        #expect(order == [first, second] && queue.count == 0 && !queue.isWaiting(for: other))
    }

    @Test func whoIsAsideAndWaitsForSomethingElseComesBackThere() throws {
        var queue = queue()
        let first = try enter(&queue, 1)
        queue.setAside(first)
        queue.change(first, to: other)
        let nobody = next(&queue, now: 1)
        _ = queue.takeBack(first)
        let wants = other
        let found = next(&queue, now: 1) { $0 == wants }
        #expect(nobody == nil && found == first)
    }

    @Test func whoFoundNothingIsAskedAgainInTheNextRound() throws {
        var queue = queue()
        let first = try enter(&queue, 1)
        let second = try enter(&queue, 2, wants: other)
        queue.passOver(first, round: queue.currentRound)
        let found3 = next(&queue, now: 1)
        #expect(found3 == second)
        queue.passOver(second, round: queue.currentRound)
        let found4 = next(&queue, now: 1)
        #expect(found4 == nil)
        queue.beginRound()
        let found5 = next(&queue, now: 1)
        #expect(found5 == first)
    }

    @Test func oneClientHasHalfOfTheRoomAndAllOfThemNoMoreThanThereIs() throws {
        var queue = queue(4)
        try enter(&queue, 1)
        try enter(&queue, 1)
        let refused1 = queue.enter(client: 1, priority: .high, wants: chat, now: 1)
        #expect(refused1 == .overShare)
        try enter(&queue, 2)
        let last = try enter(&queue, 3)
        let refused4 = queue.enter(client: 4, priority: .high, wants: chat, now: 1)
        #expect(refused4 == .full)
        queue.leave(last)
        try enter(&queue, 4)
        var one = self.queue(1)
        try enter(&one, 1)
        #expect(one.count == 1)
    }

    @Test func whoLeavesIsGoneOnce() throws {
        var queue = queue()
        let first = try enter(&queue, 1)
        let second = try enter(&queue, 1)
        let third = try enter(&queue, 1)
        let left = (queue.leave(second), queue.leave(second))
        #expect(left == (true, false) && queue.count == 2)
        let order = drain(&queue)
        #expect(order == [first, third])
        #expect(!queue.isWaiting(for: chat))
    }

    @Test func thePlaceOfATicketIsTheOrderInWhichAllAreServed() throws {
        var random = SeededRandom(seed: 7)
        for _ in 0..<50 {
            var queue = queue(1000)
            for _ in 0..<40 {
                let priority = Queue.Priority.allCases[Int(random.next() % 3)]
                let ticket = try enter(&queue, Int(random.next() % 5), priority)
                if random.next() % 5 == 0 { queue.leave(ticket) }
                if random.next() % 7 == 0, let next = queue.next(now: 1, mayFind: { _ in true }) {
                    queue.serve(next, now: 1)
                }
            }
            let before = queue
            let order = drain(&queue)
            let places = order.compactMap { before.place(of: $0) }
            #expect(places == order.indices.map { $0 + 1 })
            #expect(order.compactMap { before.places[$0] } == places)
        }
    }

    @Test func thePlacesOfAllAreThoseThatEachIsTold() throws {
        var random = SeededRandom(seed: 12)
        var queue = queue(1000)
        var tickets: [Queue.Ticket] = []
        for _ in 0..<400 {
            let priority = Queue.Priority.allCases[Int(random.next() % 3)]
            let client = Int(random.next() % 7)
            tickets.append(try enter(&queue, client, priority, wants: random.next() % 2 == 0 ? chat : other))
            if random.next() % 3 == 0 { queue.leave(tickets[Int(random.next() % UInt64(tickets.count))]) }
            if random.next() % 5 == 0, let next = queue.next(now: 1, mayFind: { _ in true }) {
                queue.serve(next, now: 1)
            }
        }
        let places = queue.places
        #expect(places.count == queue.count && tickets.allSatisfy { places[$0] == queue.place(of: $0) })
    }

    @Test func noClientWaitsWhileAnotherOfItsRankIsServedTwice() throws {
        var random = SeededRandom(seed: 11)
        var queue = queue(10_000)
        var waiting: [Int: [Queue.Ticket]] = [:]
        var clientOf: [Queue.Ticket: Int] = [:]
        var servedSince: [Int: [Int: Int]] = [:]
        for _ in 0..<5000 {
            if random.next() % 2 == 0 {
                let client = Int(random.next() % 8)
                let ticket = try enter(&queue, client, wants: random.next() % 2 == 0 ? chat : other)
                if waiting[client, default: []].isEmpty { servedSince[client] = [:] }
                waiting[client, default: []].append(ticket)
                clientOf[ticket] = client
            } else if let next = queue.next(now: 1, mayFind: { _ in true }), let client = clientOf[next] {
                queue.serve(next, now: 1)
                waiting[client]?.removeAll { $0 == next }
                for (other, tickets) in waiting where other != client && !tickets.isEmpty {
                    servedSince[other, default: [:]][client, default: 0] += 1
                    #expect(servedSince[other]?[client] ?? 0 <= 1, "\(other) waits while \(client) is served twice")
                }
                servedSince[client] = [:]
            }
        }
    }

    @Test func retryAfterFollowsThePaceAtWhichPlacesBecomeFree() throws {
        var queue = queue(1000)
        #expect(queue.retryAfter(ahead: 10, now: 1) == 5)
        for second in 1...40 {
            let ticket = try enter(&queue, 1)
            queue.serve(ticket, now: UInt64(second) * Self.second)
        }
        #expect(queue.retryAfter(ahead: 9, now: 40 * Self.second) == 10)
        #expect(queue.retryAfter(ahead: 0, now: 40 * Self.second) == 1)
        #expect(queue.retryAfter(ahead: 99_999, now: 40 * Self.second) == 60)
        #expect(queue.retryAfter(ahead: 0, now: 10_000 * Self.second) == 60, "nothing has become free for long")
    }

    @Test func aHundredThousandThatComeAndGoCostLittle() throws {
        var queue = queue(200_000)
        let tickets = try (0..<100_000).map { try enter(&queue, $0 % 50_000) }
        for ticket in tickets.reversed().prefix(50_000) { queue.leave(ticket) }
        let order = drain(&queue)
        #expect(order.count == 50_000)
    }
}
