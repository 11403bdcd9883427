import Testing

@testable import Gateway

@Suite("Tasks: the queue") struct TaskQueueTests {
    private static let patience = TaskQueue<Int>.patience

    /// A queue whose threads are all busy with pieces that do not end.
    private func blocked(few: Int, limit: Int) -> TaskQueue<Int> {
        var queue = TaskQueue<Int>(few: few, limit: limit)
        for job in 0..<few {
            _ = queue.add(job, now: 0)
            _ = queue.take()
        }
        return queue
    }

    @Test("threads are started as they are needed, and no more than a few") func starts() {
        var queue = TaskQueue<Int>(few: 2, limit: 4)

        let needs = (0..<4).map { queue.add($0, now: 0) }

        #expect(needs == [.thread, .thread, .look, .nothing])
        #expect(queue.threads == 2)
    }

    @Test("a thread that runs nothing takes the next piece") func reuses() {
        var queue = TaskQueue<Int>(few: 2, limit: 4)
        _ = queue.add(1, now: 0)
        _ = queue.take()
        let stays = queue.finished()

        let need = queue.add(2, now: 0)

        #expect(stays)
        #expect(need == .nothing)
        #expect(queue.threads == 1)
    }

    @Test("pieces are taken in the order in which they came, however many") func order() {
        var queue = TaskQueue<Int>(few: 1, limit: 1)
        var taken: [Int] = []
        for job in 0..<5000 { _ = queue.add(job, now: 0) }
        for _ in 0..<3000 {
            if let job = queue.take() { taken.append(job) }
            _ = queue.finished()
        }
        for job in 5000..<6000 { _ = queue.add(job, now: 0) }
        for _ in 0..<3000 {
            if let job = queue.take() { taken.append(job) }
            _ = queue.finished()
        }
        #expect(taken == Array(0..<6000))
    }

    @Test("when all threads block, there is one more after a while, up to the limit") func grows() {
        var queue = blocked(few: 2, limit: 4)
        let need = queue.add(10, now: 0)
        #expect(need == .look)

        let early = queue.look(now: Self.patience - 1)
        let first = queue.look(now: Self.patience)
        _ = queue.take()
        _ = queue.add(11, now: Self.patience)
        var counts: [Int] = []
        for step in 2..<6 {
            counts.append(queue.look(now: Self.patience * UInt64(step)).threads)
            if counts.last == 1 {
                _ = queue.take()
                _ = queue.add(20 + step, now: Self.patience * UInt64(step))
            }
        }

        #expect(early.threads == 0)
        #expect(early.next == Self.patience)
        #expect(first.threads == 1)
        #expect(counts.reduce(0, +) == 1)
        #expect(queue.threads == 4)
    }

    @Test("while pieces are begun, there are no more threads") func progress() {
        var queue = blocked(few: 1, limit: 4)
        for job in 0..<10 { _ = queue.add(job, now: 0) }
        _ = queue.finished()
        _ = queue.take()

        let look = queue.look(now: Self.patience)

        #expect(look.threads == 0)
        #expect(look.next == Self.patience * 2)
    }

    @Test("threads beyond the few end when nothing waits") func shrinks() {
        var queue = blocked(few: 1, limit: 2)
        _ = queue.add(1, now: 0)
        _ = queue.look(now: Self.patience)
        _ = queue.take()

        let first = queue.finished()
        let last = queue.finished()

        #expect([first, last] == [false, true])
        #expect(queue.threads == 1)
    }

    @Test("a thread that could not be started is tried again") func failing() {
        var queue = TaskQueue<Int>(few: 1, limit: 2)
        _ = queue.add(1, now: 0)
        queue.threadFailed()

        let second = queue.look(now: 0)
        queue.threadFailed()
        let early = queue.look(now: 1)
        let third = queue.look(now: Self.patience)

        #expect(second.threads == 1)
        #expect(second.next == Self.patience)
        #expect(early.threads == 1)
        #expect(third.threads == 0)
    }

    @Test("what is due comes in the order of its times, then of its coming") func timers() {
        var queue = TaskQueue<Int>(few: 1, limit: 1)
        let isFirst = [(50, 5), (20, 2), (30, 3), (20, 22), (10, 1), (40, 4)].map {
            queue.add($0.1, due: UInt64($0.0))
        }

        let look = queue.look(now: 40)
        let taken = (0..<look.due).map { _ in
            defer { _ = queue.finished() }
            return queue.take()
        }

        #expect(isFirst == [true, true, false, false, true, false])
        #expect(taken == [1, 2, 22, 3, 4])
        #expect(look.next == 50)
    }

    @Test("many timers, in any order, come in order") func manyTimers() {
        var heap = TimerHeap<UInt64>()
        var random: UInt64 = 1
        var times: [UInt64] = []
        for _ in 0..<2000 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            times.append(random >> 54)
            _ = heap.insert(random >> 54, due: random >> 54)
        }
        var taken: [UInt64] = []
        while let next = heap.removeFirst(due: .max) { taken.append(next) }
        #expect(taken == times.sorted())
    }
}
