import Core
import Glibc
import SQLite
import Synchronization
import Testing

@testable import Store

@Suite("How much of the history is kept, and for how long") struct RetentionTests {
    private let folder = Folder()
    private let day: Int64 = 24 * 3600

    private func stored() throws -> [UInt64] {
        var filter = HistoryFilter()
        filter.limit = 1000
        return try StoreReader(path: folder.file).page(filter, before: nil, milliseconds: nil).entries.map(
            \.entry.sequence)
    }

    private func entries(_ numbers: ClosedRange<Int>, at: (Int) -> Int64) -> [HistoryEntry] {
        numbers.map { number in
            var entry = HistoryEntry.test(number)
            entry.timestamp = at(number)
            return entry
        }
    }

    /// Sums of as many minutes, of a model that nobody asks for now.
    private func fill(_ table: String, minutes: Int, from first: Int64) throws {
        let connection = try SQLiteConnection(path: folder.file, mode: .writing, patience: 1000)
        try connection.run(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < \(minutes)) "
                + "INSERT INTO \(table) (minute, backend, model, requests, errors, duration_ms, first_tokens, first_token_ms, "
                + "prompt_tokens, completion_tokens, durations, refused, failed_attempts, cached_tokens, timed_tokens, "
                + "generation_seconds, told, duration_buckets, first_token_buckets) "
                + "SELECT \(first) + i, 'one', 'older', 1, 0, 40, 1, 12, 7, 3, '', 0, 0, 0, 1, 1, 3, '12:1 13:4 15:2 16:7', '8:1 9:12 11:3' FROM n"
        )
    }

    private func count(_ table: String) throws -> Int64 {
        let connection = try SQLiteConnection(path: folder.file, mode: .reading, patience: 1000)
        return try connection.integer("SELECT count(*) FROM \(table)") ?? 0
    }

    // MARK: Bytes

    @Test("262,001 minutes in a file of 16 MiB") func minutesTakeNoRoomFromRequests() throws {
        let file = try StoreFile(folder.file)
        try file.write((1...500).map { .test($0) }, [], now: 1_800_000_000)
        try fill("minutes", minutes: 262_001, from: 1_800_000_000 / 60 - 262_001)
        let keep = StoreFile.Retention(days: nil, bytes: 16_777_216)
        #expect(try file.usedBytes() > 16_777_216)
        while try file.retain(keep, count: 2000, now: 1_800_000_000) {}
        #expect(try stored().count == 500 && file.usedBytes() <= 16_777_216)
        #expect(try count("minutes") > 100_000, "no more goes than must")
        let connection = try SQLiteConnection(path: folder.file, mode: .reading, patience: 1000)
        #expect(
            try connection.integer("SELECT max(minute) FROM minutes WHERE model = 'older'") == 1_800_000_000 / 60 - 1,
            "the oldest go")
    }

    @Test func ofMinutesAndHoursThatGoesOfWhichThereIsMore() throws {
        let file = try StoreFile(folder.file)
        try file.write((1...100).map { .test($0) }, [], now: 1_800_000_000)
        try fill("minutes", minutes: 5000, from: 1_800_000_000 / 60 - 5000)
        try fill("hours", minutes: 20_000, from: 1_800_000_000 / 60 - 20_000)
        let keep = StoreFile.Retention(days: nil, bytes: 1_400_000)
        while try file.retain(keep, count: 500, now: 1_800_000_000) {}
        #expect(try stored().count == 100 && file.usedBytes() <= 1_400_000)
        #expect(try count("minutes") > 4000 && count("hours") < 15_000)
    }

    @Test func requestsAreNotDeletedWhereThatDoesNotHelp() throws {
        let file = try StoreFile(folder.file)
        try file.write((1...100).map { .test($0) }, [], now: 1_800_000_000)
        try fill("minutes", minutes: 2000, from: 1_800_000_000 / 60 - 2000)
        for _ in 0..<3 {
            _ = try file.retain(StoreFile.Retention(days: nil, bytes: 250_000), count: 10, now: 1_800_000_000)
        }
        #expect(try stored().count == 100)
    }

    @Test func requestsHaveNoMoreThanTheirHalfWhereSumsNeedTheirs() throws {
        let file = try StoreFile(folder.file)
        try file.write((1...4000).map { .test($0) }, [], now: 1_800_000_000)
        try fill("minutes", minutes: 20_000, from: 1_800_000_000 / 60 - 20_000)
        let keep = StoreFile.Retention(days: nil, bytes: 1_000_000)
        while try file.retain(keep, count: 100, now: 1_800_000_000) {}
        #expect(try count("requests") > 200 && count("minutes") > 1000)
        #expect(try stored().first == 4000 && file.usedBytes() <= 1_000_000)
    }

    // MARK: Age

    @Test func aClockThatWasAheadForAWhileKeepsNothingElse() throws {
        let file = try StoreFile(folder.file)
        let now: Int64 = 1_800_000_000
        try file.write(entries(1...5) { _ in now + 300 * day }, [], now: now)
        try file.write(entries(6...20) { _ in now - 100 * day }, [], now: now)
        try file.write(entries(21...25) { _ in now }, [], now: now)
        let keep = StoreFile.Retention(days: 90, bytes: nil)
        while try file.retain(keep, count: 3, now: now) {}
        for _ in 0..<10 { while try file.retain(keep, count: 3, now: now) {} }
        #expect(try stored() == [25, 24, 23, 22, 21], "also those that say that they have not ended yet")
    }

    @Test func aClockThatWasBehindForAWhileTakesNothingElseWithIt() throws {
        let file = try StoreFile(folder.file)
        let now: Int64 = 1_800_000_000
        try file.write(entries(1...5) { _ in now - 10 * day }, [], now: now)
        try file.write(entries(6...7) { _ in 0 }, [], now: now)
        try file.write(entries(8...9) { _ in now }, [], now: now)
        let keep = StoreFile.Retention(days: 90, bytes: nil)
        for _ in 0..<5 { while try file.retain(keep, count: 3, now: now) {} }
        #expect(try stored() == [9, 8, 5, 4, 3, 2, 1])
    }

    @Test func aStartWithTheClockFarAheadDeletesNothingAtOnce() throws {
        let owner = RecordingOwner()
        var writer = owner.writer(folder)
        let old = entries(1...3) { _ in Clock.wallSeconds() - 100 * day }
        #expect(writer.write(old) == nil)
        writer.close()
        // For this one, a hundred days have passed in no time.
        var next = StoreWriter(HistoryStore.Settings(path: folder.file, keepDays: 90), owner.owner)
        #expect(next.write([]) == nil)
        #expect(try stored().count == 3)
        #expect(owner.words.withLock { $0.contains { $0.contains("100 days ahead") } })
    }

    // MARK: Its clock

    private let second: UInt64 = 1_000_000_000

    @Test func aJumpAheadCountsWhenTheClockHasStoodByIt() {
        var clock = RetentionClock(newest: 1000, instant: 0)
        let far = 1000 + 50 * day
        #expect(clock.now(wall: far, instant: 10 * second) == 1010 && clock.jump == 50 * day - 10)
        #expect(clock.now(wall: far + 3500, instant: 3510 * second) == 4510)
        #expect(clock.now(wall: far + 3700, instant: 3710 * second) == far + 3700 && clock.jump == nil)
    }

    @Test func oneThatIsTakenBackMeanwhileHasDoneNothing() {
        var clock = RetentionClock(newest: nil, instant: 0)
        #expect(clock.now(wall: 1000, instant: 0) == 1000)
        #expect(clock.now(wall: 1000 + 50 * day, instant: 10 * second) == 1010)
        #expect(clock.now(wall: 1020, instant: 20 * second) == 1020 && clock.jump == nil)
        // A little, as when it is set, or back, counts at once.
        #expect(clock.now(wall: 1020 + day, instant: 20 * second) == 1020 + day)
        #expect(clock.now(wall: 10, instant: 21 * second) == 10)
    }

    @Test func aSecondStartWithinThatHourBelievesItNoMore() {
        let far = 1000 + 50 * day
        #expect(RetentionClock.newest(of: [far + 20, far + 10, far, 1000, 900]) == 1000)
        #expect(RetentionClock.newest(of: [far + 4000, far, 1000]) == far + 4000, "the clock has stood by it")
        #expect(RetentionClock.newest(of: [5, far, 4]) == 5 && RetentionClock.newest(of: []) == nil)
        #expect(RetentionClock.newest(of: [Int64.min + 1, Int64.max, 0]) != nil)
    }

    @Test(arguments: [Int64.min, -1, Int64.max]) func whateverAFileSaysIsAnInstant(newest: Int64) {
        var clock = RetentionClock(newest: newest, instant: UInt64.max)
        _ = clock.now(wall: 1_800_000_000, instant: 0)
        _ = clock.now(wall: 1_800_000_000, instant: UInt64.max)
    }

    // MARK: What found no room

    @Test func whatASlowDiskHasLostIsTold() {
        let store = HistoryStore(HistoryStore.Settings(path: folder.file))
        let owner = RecordingOwner()
        store.take((0..<StoreLimits.waiting + 7).map { .test($0) })
        Thread.run { store.run(owner.owner) }
        store.finish(milliseconds: 120_000)
        let words = owner.words.withLock { $0 }
        #expect(words.count == 1 && words.first?.hasPrefix("7 requests are not in") == true && store.problem == nil)
    }
}
