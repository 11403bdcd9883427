import Core
import Glibc
import SQLite
import Testing

@testable import Store

@Suite("Series of days, weeks and months") struct StoredSeriesTests {
    private let folder = Folder()
    private let owner = RecordingOwner()
    /// The end of a step of a week.
    private let now: Int64 = 1_800_000_000 / 21_600 * 21_600 + 21_600 - 1

    private func fill(_ entries: [HistoryEntry]) throws {
        try StoreFile(folder.file).write(entries, [], now: now)
    }

    private func entry(_ number: Int, ago: Int64, _ change: (inout HistoryEntry) -> Void = { _ in }) -> HistoryEntry {
        var entry = HistoryEntry.test(number)
        entry.timestamp = now - ago
        change(&entry)
        return entry
    }

    private func series(_ window: StoredWindow, _ change: (inout SeriesQuery) -> Void = { _ in }) throws -> SeriesList {
        var query = SeriesQuery()
        change(&query)
        return try StoreReader(path: folder.file).series(query, over: window, now: now)
    }

    private func values(_ list: SeriesList, _ metric: SeriesMetric, row: Int = 0) -> [Double?] {
        list.metrics.firstIndex(of: metric).map { list.rows[row].values[$0] } ?? []
    }

    @Test(arguments: StoredWindow.allCases) func whatIsKeptIsToldStepByStep(window: StoredWindow) throws {
        try fill([
            entry(1, ago: 3 * window.step), entry(2, ago: 0), entry(3, ago: 0) { $0.durationMilliseconds = 4000 },
        ])
        let list = try series(window)
        let requests = values(list, .requests)
        #expect(requests.count == window.count && list.awakeSeconds.count == window.count)
        // Before the file began nothing is known; from then on nothing is none.
        #expect(Array(requests.suffix(5)) == [nil, 1, 0, 0, 2])
        #expect(
            list.awakeSeconds.suffix(5) == [0, Int(window.step), Int(window.step), Int(window.step), Int(window.step)])
        #expect(list.rows[0].requests == 3 && list.window == window.rawValue && list.step == window.step)
        let longest = try #require(values(list, .durationP99).last ?? nil)
        #expect(abs(longest - 4000) <= 4000 * list.quantileError)
        #expect(values(list, .promptTokens).last == 14 && values(list, .inFlight).last == .some(nil))
    }

    @Test func batchesOfOneMinuteAddUp() throws {
        let file = try StoreFile(folder.file)
        for number in 1...5 { try file.write([entry(number, ago: 0)], [], now: now) }
        let list = try series(.week)
        #expect(values(list, .requests).last == 5 && values(list, .completionTokens).last == 15)
        #expect(values(list, .tokensPerSecond).last.flatMap { $0 }.map { abs($0 - 31.5) < 0.01 } == true)
    }

    @Test func seriesAreByModelAndByBackend() throws {
        try fill([
            entry(1, ago: 0), entry(2, ago: 0) { $0.knownModel = "n" }, entry(3, ago: 0) { $0.backendID = "two" },
            entry(4, ago: 0) { ($0.knownModel, $0.backendID, $0.status) = (nil, "none", .error) },
        ])
        func rows(_ change: (inout SeriesQuery) -> Void) throws -> [String] {
            try series(.month, change).rows.map {
                "\($0.backend ?? "-") \($0.model ?? "-") \($0.isRest) \($0.requests)"
            }
        }
        #expect(try rows { $0.grouping = .model } == ["- m false 2", "- n false 1", "- - true 1"])
        #expect(try rows { $0.grouping = .backend } == ["one - false 2", "none - false 1", "two - false 1"])
        #expect(try rows { ($0.grouping, $0.backend) = (.model, "one") } == ["one m false 1", "one n false 1"])
        #expect(try rows { ($0.backend, $0.model) = ("two", "m") } == ["two m false 1"])
        let few = try series(.month) { ($0.grouping, $0.limit) = (.model, 1) }
        #expect(few.rows.count == 1 && few.leftOut == 2)
    }

    @Test func attemptsThatFailedCountWhereTheyFailed() throws {
        var failed = RouteStep(backend: "two", reason: .only, failure: "it broke")
        failed.isBlamed = true
        try fill([entry(1, ago: 0) { $0.route = [failed, RouteStep(backend: "one", reason: .only)] }])
        let list = try series(.week) { $0.grouping = .backend }
        #expect(list.rows.map(\.backend) == ["one", "two"])
        #expect(values(list, .failedAttempts, row: 1).last == 1 && values(list, .requests, row: 1).last == 0)
    }

    @Test func anEmptyFileKnowsNothing() throws {
        try fill([])
        let list = try series(.week)
        #expect(list.rows.count == 1 && values(list, .requests).allSatisfy { $0 == nil })
    }

    @Test func bucketsAreReadAsTheyAreWritten() {
        var buckets = KeptBuckets("3:4 1:1 3:1".utf8)
        #expect(buckets.text == "1:1 3:5")
        buckets.merge(KeptBuckets("255:9".utf8))
        #expect(buckets.text == "1:1 3:5 255:9")
        #expect(KeptBuckets("".utf8).text == "" && KeptBuckets("x 256:1 : 9 7:".utf8).text == "")
        _ = KeptBuckets("1:99999999999999999999999999 1:99999999999999999999999999".utf8)
    }
}

@Suite("A request that memory does not have any more") struct StoredRequestTests {
    private let folder = Folder()

    @Test func itIsFoundByItsIdTheNewestFirst() throws {
        var again = HistoryEntry.test(3)
        again.requestID = "req-1"
        try StoreFile(folder.file).write([.test(1), .test(2), again], [], now: 1_800_000_000)
        let reader = try StoreReader(path: folder.file)
        #expect(try reader.entries(requestID: "req-1").map(\.entry.sequence) == [3, 1])
        #expect(try reader.entries(requestID: "req-%").isEmpty)
    }

    @Test func anOlderFileIsBroughtUpToDateWithWhatItHas() throws {
        do {
            let connection = try SQLiteConnection(path: folder.file, mode: .writing, patience: 0)
            try connection.run(StoreSchema.migrations[0])
            try connection.run("PRAGMA application_id = \(StoreSchema.application); PRAGMA user_version = 1")
            try connection.run("INSERT INTO minutes VALUES (30000000, 'one', 'm', 4, 1, 100, 3, 60, 20, 10, '1 2 3')")
        }
        let before = try StoreReader(path: folder.file)
        #expect(throws: StoreProblem.older(found: 1)) { try before.entries(requestID: "x") }
        #expect(throws: StoreProblem.older(found: 1)) {
            try before.series(SeriesQuery(), over: .day, now: 1_800_000_060)
        }
        #expect(throws: StoreProblem.older(found: 1)) { try before.audit(before: nil, limit: 1) }
        _ = try StoreFile(folder.file)
        let list = try StoreReader(path: folder.file).series(SeriesQuery(), over: .day, now: 1_800_000_060)
        let tokens = try #require(list.metrics.firstIndex(of: .promptTokens))
        #expect(list.rows[0].requests == 4 && list.rows[0].values[tokens].last == 20)
    }
}

@Suite("A page of the history ends in time") struct StoredPageTimeTests {
    private let folder = Folder()

    @Test func aStatementEndsAtItsDeadline() throws {
        let connection = try SQLiteConnection(path: folder.file, mode: .writing, patience: 0)
        connection.deadline = Clock.monotonicNanoseconds() + 1_000_000
        let forever = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
        do {
            _ = try connection.integer(forever)
            Issue.record("it ended by itself")
        } catch {
            #expect(error.isInterrupted)
        }
        connection.deadline = nil
        #expect(try connection.integer("SELECT 1") == 1)
    }

    @Test("however short the time, pages come on and leave nothing out") func pagesComeOn() throws {
        let file = try StoreFile(folder.file)
        for start in stride(from: 0, to: 12_000, by: 4000) {
            try file.write(
                (start..<start + 4000).map { .test($0, model: $0.isMultiple(of: 3000) ? "rare" : "m") }, [], now: 1)
        }
        let reader = try StoreReader(path: folder.file)
        var filter = HistoryFilter()
        _ = try filter.set("q", "rare")
        var (found, next, pages): ([UInt64], Int64?, Int) = ([], nil, 0)
        repeat {
            let page = try reader.page(filter, before: next, milliseconds: 0)
            found += page.entries.map(\.entry.sequence)
            next = page.next
            pages += 1
        } while next != nil && pages < 1000
        #expect(found == [9000, 6000, 3000, 0] && pages > 1)
    }
}

@Suite("What operators have done, on disk") struct StoredAuditTests {
    private let folder = Folder()
    private let owner = RecordingOwner()

    private func record(_ number: UInt64, at: Double = 1_800_000_000) -> AuditRecord {
        var record = AuditRecord(
            at: at, key: number.isMultiple(of: 2) ? "boss" : nil, client: "127.0.0.1", command: "POST /v1/admin/reload",
            status: 200, problem: number == 3 ? "it was wrong" : nil)
        record.sequence = number
        return record
    }

    @Test func whatIsWrittenIsReadInPagesTheNewestFirst() throws {
        var writer = owner.writer(folder)
        #expect(writer.write([], audit: (1...5).map { (record($0), "run") }) == nil)
        let reader = try StoreReader(path: folder.file)
        let first = try reader.audit(before: nil, limit: 3)
        #expect(first.records.map(\.record) == [record(5), record(4), record(3)] && first.records[0].instance == "run")
        let rest = try reader.audit(before: first.next, limit: 3)
        #expect(rest.records.map(\.record.sequence) == [2, 1] && rest.next == nil)
    }

    @Test func whatIsTooOldGoesWithTheHistory() throws {
        let file = try StoreFile(folder.file)
        let now: Int64 = 1_800_000_000
        try file.write(
            [], [], audit: [(record(1, at: Double(now - 3 * 86_400)), "run"), (record(2, at: Double(now)), "run")],
            now: now)
        _ = try file.retain(StoreFile.Retention(days: 2), count: 10, now: now)
        #expect(try StoreReader(path: folder.file).audit(before: nil, limit: 9).records.map(\.record.sequence) == [2])
    }

    @Test func whatCameWhileTheFileCouldNotBeWrittenIsWrittenLater() throws {
        let owner = owner.owner
        let blocker = try SQLiteConnection(path: folder.file, mode: .writing, patience: 0)
        try blocker.run("CREATE TABLE theirs (a)")
        var writer = StoreWriter(HistoryStore.Settings(path: folder.file), owner)
        #expect(writer.write([], audit: [(record(1), "run")]) == .foreign)
        unlink(folder.file)
        #expect(writer.write([], audit: [(record(1), "run")]) == nil)
        #expect(try StoreReader(path: folder.file).audit(before: nil, limit: 9).records.count == 1)
    }
}
