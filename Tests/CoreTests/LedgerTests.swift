import NIOCore
import Synchronization
import Testing

@testable import Core

private func record(_ model: String, at milliseconds: Int64 = 0) -> ExchangeRecord {
    let start = NIODeadline.uptimeNanoseconds(1)
    var timeline = Timeline(arrival: start)
    timeline.append(.ended(.success(200)), at: start + .milliseconds(milliseconds))
    return ExchangeRecord(
        request: ExchangeRecord.Request(id: "r", model: model, knownModel: model, endpoint: "/"), timeline: timeline,
        endedAt: 1000)
}

@Suite struct LedgerTests {
    private let history = History(capacity: 10_000)
    private let ledger: Ledger

    init() { ledger = Ledger(instance: GatewayInstance(id: "me", startedAt: 5), sinks: [history]) }

    @Test func recordsAreNumberedInTheOrderTheyEndedWhateverPageTheyAreOn() {
        let (first, second) = (ledger.page(), ledger.page())
        _ = first.write(record("c", at: 3))
        _ = second.write(record("a", at: 1))
        _ = second.write(record("b", at: 2))

        ledger.settle()

        #expect(history.entries.map(\.model) == ["a", "b", "c"])
        #expect(history.entries.map(\.sequence) == [1, 2, 3])
    }

    @Test func everyRecordTellsWhoNumberedIt() {
        _ = ledger.page().write(record("a"))
        ledger.settle()
        #expect(history.entries.first?.instance == GatewayInstance(id: "me", startedAt: 5))
    }

    @Test func twoRunsAreNeverTheSame() {
        #expect(GatewayInstance(startedAt: 5) != GatewayInstance(startedAt: 5))
    }

    @Test func aRecordIsSettledOnce() {
        _ = ledger.page().write(record("a"))
        ledger.settle()
        ledger.settle()
        #expect(history.entries.count == 1)
    }

    @Test func onlyTheFirstThatWaitsAsksToBeSettled() {
        let page = ledger.page()
        let asks = (0..<3).map { _ in page.write(record("a")) }
        ledger.settle()
        let again = page.write(record("a"))
        #expect(asks == [true, false, false] && again)
    }

    @Test func aFullPageSettlesItself() {
        let page = ledger.page()
        for _ in 0..<Ledger.Page.limit { _ = page.write(record("a")) }
        #expect(history.entries.count == Ledger.Page.limit)
    }

    @Test func whatStrangersMadeLongIsCut() {
        _ = ledger.page().write(record(String(repeating: "x", count: 5000)))
        ledger.settle()
        #expect(history.entries.first?.model.count == EntryLimits.model)
    }

    @Test func everySinkGetsEverything() {
        let broadcaster = Broadcaster()
        let figures = ExchangeFigures()
        let ledger = Ledger(instance: GatewayInstance(startedAt: 1), sinks: [figures, broadcaster])
        var subscription = broadcaster.subscribe {}
        _ = ledger.page().write(record("a"))

        ledger.settle()

        #expect(broadcaster.read(&subscription, limit: 10).updates.count == 1 && figures.totals.total == 1)
    }

    @Test func noRecordIsLostBetweenThreads() async {
        let (ledger, count) = (ledger, 2000)
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                let page = ledger.page()
                group.addTask { for number in 0..<count { _ = page.write(record("m", at: Int64(number))) } }
            }
            group.addTask { for _ in 0..<200 { ledger.settle() } }
        }
        ledger.settle()

        #expect(history.entries.map(\.sequence) == Array(1...UInt64(4 * count)))
    }
}

@Suite struct HistoryTests {
    @Test func theNewestAreKeptOldestFirst() {
        let history = History(capacity: 2)
        let ledger = Ledger(instance: GatewayInstance(startedAt: 1), sinks: [history])
        let page = ledger.page()
        for model in ["a", "b", "c"] { _ = page.write(record(model)) }
        ledger.settle()

        #expect(history.entries.map(\.sequence) == [2, 3])
        #expect(history.entries(after: 2).map(\.model) == ["c"])
    }
}
