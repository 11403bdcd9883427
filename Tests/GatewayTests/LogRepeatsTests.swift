import Testing

@testable import Gateway

@Suite struct LogRepeatsTests {
    private func line(
        _ message: String, level: String = "warning", component: String = "adapters",
        _ fields: [(name: String, value: LogValue)] = []
    ) -> LogLine {
        LogLine(at: 0, level: level, component: component, message: message, fields: fields)
    }

    private func written(_ repeats: inout LogRepeats, _ line: LogLine, times: Int, now: Int64 = 0) -> Int {
        (0..<times).count { _ in repeats.admits(line, now: now) }
    }

    @Test func aFewOfTheSameAreWrittenAndTheRestIsCounted() {
        var repeats = LogRepeats()
        #expect(written(&repeats, line("models were dropped"), times: 424) == LogRepeats.Limits.free)
        #expect(repeats.due(now: LogRepeats.Limits.window - 1).isEmpty)
        let due = repeats.due(now: LogRepeats.Limits.window)
        #expect(due.count == 1 && due[0].fields.last?.value == .integer(Int64(424 - LogRepeats.Limits.free)))
        #expect(due[0].fields.last?.name == "repeated")
    }

    @Test func whatGoesOnIsToldOnceInEachWindow() {
        var repeats = LogRepeats()
        _ = written(&repeats, line("x"), times: 10)
        _ = repeats.due(now: LogRepeats.Limits.window)
        #expect(written(&repeats, line("x"), times: 3, now: LogRepeats.Limits.window + 1) == 0)
        #expect(repeats.due(now: 2 * LogRepeats.Limits.window)[0].fields.last?.value == .integer(3))
        #expect(repeats.due(now: 3 * LogRepeats.Limits.window).isEmpty)
        #expect(written(&repeats, line("x"), times: 1, now: 3 * LogRepeats.Limits.window) == 1, "it is new again")
    }

    @Test func numbersMakeNoDifferenceAndNamesDo() {
        var repeats = LogRepeats()
        let numbered = (0..<20).count { repeats.admits(line("took \($0) ms"), now: 0) }
        let named = (0..<20).count { repeats.admits(line("down", [("backend", .string("box-\($0)"))]), now: 0) }
        #expect(numbered == LogRepeats.Limits.free && named == 20)
    }

    @Test(arguments: [("debug", "routing"), ("trace", "connections"), ("info", "requests"), ("info", "operators")])
    func whatSomebodyAsksForIsNotLimited(_ level: String, _ component: String) {
        var repeats = LogRepeats()
        #expect(written(&repeats, line("x", level: level, component: component), times: 50) == 50)
    }

    @Test func theKindsThatAreCountedAreBounded() {
        var repeats = LogRepeats()
        for kind in 0..<(LogRepeats.Limits.kinds * 2) {
            _ = repeats.admits(line("x", [("backend", .string("b\(kind)"))]), now: 0)
        }
        let beyond = line("x", [("backend", .string("b\(LogRepeats.Limits.kinds * 2)"))])
        #expect(written(&repeats, beyond, times: 50) == 50, "written as they come")
        #expect(repeats.due(now: LogRepeats.Limits.window).isEmpty)
        #expect(written(&repeats, beyond, times: 1, now: LogRepeats.Limits.window) == 1, "there is room again")
    }

    @Test func atTheEndEverythingIsTold() {
        var repeats = LogRepeats()
        _ = written(&repeats, line("x"), times: 10)
        #expect(repeats.due(now: 1, everything: true).count == 1)
        #expect(repeats.due(now: 1, everything: true).isEmpty)
    }
}
