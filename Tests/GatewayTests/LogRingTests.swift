import Testing

@testable import Gateway

@Suite struct LogRingTests {
    private func ring(lines: Int = 3, bytes: Int = .max, _ messages: String...) -> LogRing {
        var ring = LogRing(lines: lines, bytes: bytes)
        for message in messages { ring.push(line(message)) }
        return ring
    }

    private func line(_ message: String, _ level: String = "info") -> LogLine {
        LogLine(at: 1, level: level, component: "gateway", message: message)
    }

    @Test func theNewestAreKeptOldestFirst() {
        let tail = ring("a", "b", "c", "d").tail(limit: 10)
        #expect(tail.lines.map(\.message) == ["b", "c", "d"] && tail.lines.map(\.sequence) == [2, 3, 4])
        #expect(tail.last == 4 && tail.skipped == 0)
    }

    @Test func ofMoreThanIsWantedTheNewestAreGiven() {
        let tail = ring("a", "b", "c").tail(limit: 2)
        #expect(tail.lines.map(\.message) == ["b", "c"])
    }

    @Test func whoHasReadSomeGetsWhatCameSinceAndLearnsWhatIsMissing() {
        let ring = ring("a", "b", "c", "d", "e")
        #expect(ring.tail(after: 4, limit: 10).lines.map(\.message) == ["e"])
        #expect(ring.tail(after: 4, limit: 10).skipped == 0)
        #expect(ring.tail(after: 5, limit: 10) == LogRing.Tail(lines: [], skipped: 0, last: 5))
        #expect(ring.tail(after: 1, limit: 10).skipped == 1, "b is gone")
        #expect(ring.tail(after: 2, limit: 1).skipped == 2, "c and d are more than were wanted")
        #expect(ring.tail(after: 99, limit: 10).lines.isEmpty)
        #expect(ring.tail(after: .max, limit: 10) == LogRing.Tail(lines: [], skipped: 0, last: 5))
    }

    @Test func onlyTheLevelsThatAreWantedAreGiven() {
        var ring = ring("a")
        ring.push(line("b", "warning"))
        ring.push(line("c"))
        #expect(ring.tail(limit: 10, LogFilter(levels: ["warning", "error"])).lines.map(\.message) == ["b"])
    }

    @Test func itIsBoundedInLinesAndInBytes() {
        var ring = LogRing(lines: 100, bytes: 20_000)
        for _ in 0..<10_000 { ring.push(line(String(repeating: "x", count: 1000))) }
        let tail = ring.tail(limit: 1000)
        #expect(tail.lines.reduce(0) { $0 + $1.size } <= 20_000 && tail.lines.count >= 15)
        for _ in 0..<10_000 { ring.push(line("")) }
        #expect(ring.tail(limit: 1000).lines.count == 100 && ring.last == 20_000)
        ring.push(line(String(repeating: "x", count: 50_000)))
        #expect(ring.tail(limit: 1000).lines.count == 1, "the newest stays")
    }

    @Test func anEmptyOneHasNothing() {
        #expect(LogRing().tail(after: 0, limit: 10) == LogRing.Tail(lines: [], skipped: 0, last: 0))
    }
}
