import Testing

@testable import Config

@Suite struct FileRestTests {
    private func mark(_ size: Int64, changed: Int64 = 1_000_000) -> FileMark {
        FileMark(inode: 1, size: size, changed: changed)
    }

    @Test func aFileThatWasNotTouchedForASecondIsAtRestAtOnce() {
        var rest = FileRest(now: 0)
        #expect(rest.look(mark(1), now: 0, wall: 1_001_000) == .atRest)
    }

    @Test func oneThatWasJustWrittenIsWaitedFor() {
        var rest = FileRest(now: 0)
        let findings = [0, 500, 999, 1000].map { rest.look(mark(1), now: $0, wall: 1_000_000) }
        #expect(findings == [.changing, .changing, .changing, .atRest])
    }

    @Test func eachChangeBeginsTheWaitAnew() {
        var rest = FileRest(now: 0)
        _ = rest.look(mark(1), now: 0, wall: 1_000_000)
        _ = rest.look(mark(2), now: 900, wall: 1_000_000)
        #expect(rest.look(mark(2), now: 1500, wall: 1_000_000) == .changing)
        #expect(rest.look(mark(2), now: 1900, wall: 1_000_000) == .atRest)
    }

    @Test func aFileThatIsNotThereIsWaitedForToo() {
        var rest = FileRest(now: 0)
        #expect(rest.look(nil, now: 0, wall: 0) == .changing)
        #expect(rest.look(nil, now: 1000, wall: 0) == .atRest)
    }

    @Test func oneThatAlwaysChangesIsGivenUp() {
        var rest = FileRest(now: 0)
        for step in Int64(0)..<50 { #expect(rest.look(mark(step), now: step * 100, wall: 0) == .changing) }
        #expect(rest.look(mark(100), now: FileRest.Limits.patience, wall: 0) == .restless)
    }

    @Test func clocksThatDisagreeHarmNothing() {
        var rest = FileRest(now: 0)
        let future = mark(1, changed: .max)
        #expect(rest.look(future, now: 0, wall: .min) != .restless)
        #expect(rest.look(future, now: 1000, wall: 0) == .atRest)
    }
}
