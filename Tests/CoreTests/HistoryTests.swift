import Testing

@testable import Core

private func entry(
    _ model: String = "m", timestamp: Int64 = 1000, error: String? = nil, isKnown: Bool = true
) -> HistoryEntry {
    var entry = HistoryEntry(
        timestamp: timestamp, model: model, backendID: "b", durationMilliseconds: 4,
        status: error == nil ? .success : .error, errorMessage: error)
    entry.knownModel = isKnown ? model : nil
    return entry
}

@Suite struct HistoryRingTests {
    @Test func holdsAHundredEntriesByDefault() {
        #expect(HistoryRing().capacity == 100)
    }

    @Test(arguments: 1...5, 0...12) func keepsTheNewestInTheOrderTheyCame(_ capacity: Int, _ pushes: Int) {
        var ring = HistoryRing(capacity: capacity)
        for number in 0..<pushes { ring.push(entry("\(number)")) }

        #expect(ring.entries.map(\.model) == (max(0, pushes - capacity)..<pushes).map { "\($0)" })
        #expect(ring.count == min(capacity, pushes))
    }

    @Test(arguments: 1...6, 1...6) func keepsTheNewestWhenItIsResized(_ before: Int, _ after: Int) {
        let history = History(capacity: before)
        history.take((0..<4).map { entry("\($0)") })
        history.capacity = after
        let kept = min(4, before, after)
        #expect(history.entries.map(\.model) == (4 - kept..<4).map { "\($0)" })
        history.take((4..<12).map { entry("\($0)") })
        #expect(history.entries.map(\.model) == (12 - after..<12).map { "\($0)" } && history.capacity == after)
    }

    @Test func takesACapacityBelowOneForOne() {
        var ring = HistoryRing(capacity: 0)
        ring.push(entry("a"))
        ring.push(entry("b"))
        #expect(ring.entries.map(\.model) == ["b"])
    }
}

@Suite struct EntryLimitsTests {
    @Test func aTimestampFarInTheFutureBecomesNow() {
        #expect(EntryLimits.clean(entry(timestamp: 1061), now: 1000).timestamp == 1000)
        #expect(EntryLimits.clean(entry(timestamp: 1060), now: 1000).timestamp == 1060)
        #expect(EntryLimits.clean(entry(timestamp: 1), now: 1000).timestamp == 1)
        #expect(EntryLimits.clean(entry(timestamp: .max), now: .max).timestamp == .max)
    }

    @Test func modelAndMessageAreCutAtTheirLimits() {
        let long = String(repeating: "x", count: 5000)
        let cleaned = EntryLimits.clean(entry(long, error: long), now: 1000)
        #expect(cleaned.model.count == 256)
        #expect(cleaned.errorMessage?.count == 1024)
    }

    @Test func theNameOfABackendIsCutAtItsLimit() {
        var long = entry("m")
        long.backendID = String(repeating: "b", count: 5000)
        #expect(EntryLimits.clean(long, now: 1000).backendID.count == 256)
    }

    @Test(arguments: ["x", "é", "😀", "e\u{301}"]) func aTextIsCutAtBytesToo(_ character: String) {
        let cut = EntryLimits.cutBytes(String(repeating: character, count: 400), to: 100)
        #expect(cut.utf8.count <= 103 && cut.hasSuffix("…") && cut.dropLast().allSatisfy { String($0) == character })
        #expect(EntryLimits.cutBytes("abc", to: 3) == "abc")
    }

    @Test(arguments: ["é", "漢", "😀", "👨‍👩‍👧‍👦", "e\u{301}"]) func textIsCutBetweenCharacters(_ character: String) {
        let cut = EntryLimits.cut(String(repeating: character, count: 400), to: 256)
        #expect(cut.count <= 256)
        #expect(cut.allSatisfy { String($0) == character })
        #expect(cut.utf8.count <= 256 * EntryLimits.bytesPerCharacter)
    }

    @Test func whatACutCostsDoesNotGrowWithTheText() {
        let marks = "a" + String(repeating: "\u{301}", count: 8_000_000)
        let flags = String(repeating: "\u{1F1E6}", count: 2_000_000)
        let time = ContinuousClock().measure {
            for _ in 0..<10 { #expect(EntryLimits.cut(marks, to: 256).utf8.count <= 2048) }
            for _ in 0..<10 { #expect(EntryLimits.cut(flags, to: 256).utf8.count <= 2048) }
        }
        // Walking through one of them takes seconds.
        #expect(time < .seconds(2))
    }

    @Test func oneCharacterWithAMillionMarksIsBounded() {
        let text = "a" + String(repeating: "\u{301}", count: 1_000_000)
        #expect(EntryLimits.cut(text, to: 256).utf8.count <= 256 * EntryLimits.bytesPerCharacter)
    }
}

@Suite struct ExchangeFiguresTests {
    @Test func everyExchangeIsCountedInAllAndByItsModel() {
        let figures = ExchangeFigures()
        figures.take([entry("a"), entry("b", error: "no"), entry("a")])

        #expect(figures.totals.total == 3 && figures.totals.success == 2 && figures.totals.errors == 1)
        #expect(figures.models.map(\.name) == ["a", "b"])
        #expect(figures.models.first?.requests == 2)
        #expect(figures.models.first?.averageDurationMilliseconds == 4)
    }

    @Test func namesThatClientsMakeUpAreCountedTogetherAndPushNothingOut() {
        let figures = ExchangeFigures()
        figures.take([entry("mine")])
        for number in 0..<20_000 { figures.take([entry("made-up-\(number)", error: "404", isKnown: false)]) }
        figures.take([entry("", error: "400", isKnown: false)])
        figures.take([entry("yours")])

        #expect(figures.models.map(\.name) == ["mine", "yours"])
        #expect(figures.otherModels.name == "(other)" && figures.otherModels.requests == 20_001)
    }

    @Test func aModelIsCountedByItsNameAtTheBackends() {
        let figures = ExchangeFigures()
        var aliased = entry("alias")
        aliased.knownModel = "real"
        figures.take([aliased])

        #expect(figures.models.map(\.name) == ["real"])
    }

    @Test func aModelThatIsGoneKeepsItsPlace() {
        let figures = ExchangeFigures()
        figures.take([entry("m")])
        figures.take([entry("m", error: "404", isKnown: false)])

        #expect(figures.models.first?.requests == 2 && figures.otherModels.requests == 0)
    }

    @Test func evenModelsThatBackendsHaveAreBounded() {
        let figures = ExchangeFigures()
        for number in 0..<ExchangeFigures.modelLimit + 50 { figures.take([entry("m\(number)")]) }
        figures.take([entry("m0")])

        #expect(figures.models.count == ExchangeFigures.modelLimit && figures.otherModels.requests == 50)
        #expect(figures.models.first?.requests == 2)
    }

    @Test func theStatisticsListEveryAvailableModelOnceAndNoMadeUpName() {
        let figures = ExchangeFigures()
        for (model, isKnown) in [("b", true), ("gone", true), ("b", true), ("made-up", false)] {
            figures.take([entry(model, isKnown: isKnown)])
        }
        func view(_ id: String, _ status: BackendStatus, _ models: [String]) -> BackendView {
            BackendView(
                id: id, name: id, url: "u", backendType: "t", status: status, models: models.map { Model(id: $0) })
        }
        let statistics = Statistics(
            uptimeSeconds: 1, figures: figures,
            views: [
                view("1", .healthy, ["b", "a"]), view("2", .healthy, ["b"]), view("3", .unhealthy, ["gone", "x"]),
            ])

        #expect(statistics.models.map(\.name) == ["a", "b"] && statistics.models.map(\.requests) == [0, 2])
        #expect(statistics.formerModels.map(\.name) == ["gone"] && statistics.otherModels.requests == 1)
        let all = statistics.models + statistics.formerModels + [statistics.otherModels]
        #expect(all.reduce(0) { $0 + $1.requests } == statistics.requests.total)
    }
}
