import Core
import Glibc
import SQLite
import Testing

@testable import Store

@Suite struct StoreTests {
    private let folder = Folder()
    private let owner = RecordingOwner()

    private func stored(_ filter: HistoryFilter = HistoryFilter(), before: Int64? = nil) throws -> StoredPage {
        try StoreReader(path: folder.file).page(filter, before: before, milliseconds: nil)
    }

    private func fill(_ entries: [HistoryEntry]) {
        var writer = owner.writer(folder)
        #expect(writer.open() == nil)
        #expect(writer.write(entries) == nil)
        writer.close()
    }

    @Test func whatIsWrittenIsReadAsItWas() throws {
        let entries = [HistoryEntry.test(1), .test(2, status: .error, code: 502)]
        fill(entries)
        #expect(try stored().entries.map(\.entry).map(\.requestID) == ["req-2", "req-1"])
        var first = try #require(try stored().entries.last).entry
        // The name at the backends is kept only where it differs.
        first.knownModel = first.model
        #expect(first == entries[0])
    }

    @Test func pagesFollowOneAnotherWithoutGapAndWithoutRepetition() throws {
        fill((1...250).map { .test($0) })
        var filter = HistoryFilter()
        filter.limit = 100
        var (numbers, next): ([UInt64], Int64?) = ([], nil)
        repeat {
            let page = try stored(filter, before: next)
            numbers += page.entries.map(\.entry.sequence)
            next = page.next
        } while next != nil
        #expect(numbers == (1...250).reversed().map(UInt64.init))
    }

    @Test(arguments: [
        ("model", "other", 1), ("backend", "two", 1), ("status", "Error", 1), ("status", "5xx", 1),
        ("status", "200", 3),
        ("q", "100% of", 1), ("text", "100_", 0), ("client", "127.0.0.1", 4), ("from", "1800000004", 1),
        ("to", "1800000001", 1), ("api", "ollama", 0),
    ])
    func filtersFindWhatTheyFindInMemory(name: String, value: String, count: Int) throws {
        let entries: [HistoryEntry] = [
            .test(1), .test(2, model: "other"), .test(3, backend: "two"), .test(4, status: .error, code: 502),
        ]
        fill(entries)
        var filter = HistoryFilter()
        _ = try filter.set(name, value)
        let found = try stored(filter).entries.map(\.entry.sequence)
        #expect(found.count == count)
        #expect(found == filter.apply(entries).map(\.sequence).reversed())
    }

    @Test func figuresComeBackOnceAndGoOn() throws {
        let entries = [HistoryEntry.test(1), .test(2, status: .error, code: 502)]
        owner.figures.take(entries)
        fill(entries)

        let next = RecordingOwner()
        next.figures.take([.test(3)])
        var writer = next.writer(folder)
        #expect(writer.open() == nil)
        #expect(writer.open() != nil, "its own lock keeps a second one out")
        #expect(next.figures.totals.total == 3 && next.figures.totals.errors == 1)
        #expect(next.figures.models.map(\.requests) == [3])
        #expect(next.figures.backends["one"]?.requestsBefore == 2)
    }

    @Test func aSecondGatewayIsToldWhoHasTheFile() {
        var first = owner.writer(folder)
        #expect(first.open() == nil)
        var second = RecordingOwner().writer(folder)
        let problem = second.open()
        #expect(problem == .inUse(process: "\(getpid())"))
        first.close()
        #expect(second.write([.test(1)]) == nil)
    }

    @Test func aNewerFileIsLeftAlone() throws {
        fill([.test(1)])
        let connection = try SQLiteConnection(path: folder.file, mode: .writing, patience: 0)
        try connection.run("PRAGMA user_version = 99")
        var writer = owner.writer(folder)
        #expect(writer.open() == .newer(found: 99))
        #expect(throws: StoreProblem.newer(found: 99)) { try StoreReader(path: folder.file) }
        #expect(try connection.integer("SELECT count(*) FROM requests") == 1)
    }

    @Test func aFileOfAnotherProgramIsLeftAlone() throws {
        let connection = try SQLiteConnection(path: folder.file, mode: .writing, patience: 0)
        try connection.run("CREATE TABLE theirs (a); PRAGMA user_version = 1")
        var writer = owner.writer(folder)
        #expect(writer.open() == .foreign)
    }

    @Test func whatIsNoDatabaseTurnsTheStoreOffUntilItIsMovedAway() {
        let file = open(folder.file, O_WRONLY | O_CREAT, 0o600)
        let text = [UInt8](repeating: 0x41, count: 8192)
        #expect(write(file, text, text.count) == text.count)
        close(file)
        var writer = owner.writer(folder)
        guard case .sqlite(let error)? = writer.open() else {
            Issue.record("it was opened")
            return
        }
        #expect(error.isBroken)
        unlink(folder.file)
        #expect(writer.write([.test(1)]) == nil)
        #expect(owner.words.withLock { $0.count } == 2)
    }

    @Test func aDeletedFileIsMadeAnewWithAllFigures() throws {
        var writer = owner.writer(folder)
        #expect(writer.open() == nil)
        owner.figures.take([.test(1)])
        #expect(writer.write([.test(1)]) == nil)
        unlink(folder.file)
        owner.figures.take([.test(2)])
        #expect(writer.write([.test(2)]) == nil)
        #expect(try stored().entries.map(\.entry.sequence) == [2])
        let next = RecordingOwner()
        writer.close()
        var other = next.writer(folder)
        #expect(other.open() == nil)
        #expect(next.figures.totals.total == 2)
    }

    @Test func whatIsTooOldGoesAndTheRestStays() throws {
        let file = try StoreFile(folder.file)
        try file.write((1...10).map { .test($0) }, [], now: 1_800_000_000)
        let day: Int64 = 24 * 3600
        let keep = StoreFile.Retention(days: 1, bytes: nil)
        #expect(try file.retain(keep, count: 3, now: 1_800_000_006 + day))
        #expect(try stored().entries.count == 7)
        #expect(try file.retain(keep, count: 3, now: 1_800_000_006 + day) == false)
        #expect(try stored().entries.map(\.entry.sequence) == [10, 9, 8, 7, 6])
    }

    @Test func whatIsTooMuchGoesTheOldestFirst() throws {
        let file = try StoreFile(folder.file)
        try file.write((1...2000).map { .test($0) }, [], now: 1_800_000_000)
        let keep = StoreFile.Retention(days: nil, bytes: 200_000)
        while try file.retain(keep, count: 100, now: 1_800_000_000) {}
        let left = try stored().entries.map(\.entry.sequence)
        #expect(left.first == 2000 && left.count < 2000 && !left.isEmpty)
    }

    @Test func howLongItIsKeptCanChangeWhileItIsOpen() throws {
        var writer = owner.writer(folder)
        #expect(writer.open() == nil)
        var (old, new) = (HistoryEntry.test(1), HistoryEntry.test(3))
        (old.timestamp, new.timestamp) = (1_000_000_000, Clock.wallSeconds())
        #expect(writer.write([old]) == nil)
        #expect(try stored().entries.count == 1)
        writer.retention = StoreFile.Retention(days: 1)
        #expect(writer.write([new]) == nil)
        #expect(try stored().entries.map(\.entry.sequence) == [3])
    }

    @Test func minutesAddUp() throws {
        fill([.test(1), .test(2)])
        var writer = owner.writer(folder)
        #expect(writer.write([.test(3, status: .error, code: 502)]) == nil)
        let connection = try SQLiteConnection(path: folder.file, mode: .reading, patience: 0)
        let rows = try connection.prepare("SELECT requests, errors, completion_tokens, duration_buckets FROM minutes")
        #expect(try rows.step())
        #expect(rows.integer(0) == 3 && rows.integer(1) == 1 && rows.integer(2) == 9)
        let counts = rows.text(3).split(separator: " ").compactMap { $0.split(separator: ":").last }.compactMap {
            Int($0)
        }
        #expect(counts.reduce(0, +) == 2)
    }

    @Test func triesAgainEverMoreSeldom() {
        var delay = RetryDelay()
        #expect((0..<8).map { _ in delay.next() } == [1, 2, 4, 8, 16, 32, 60, 60])
    }
}
