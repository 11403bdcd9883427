import Testing

@testable import Core

/// Entries and looks at gauges, as a gateway has them.
private struct Script {
    var book = SeriesBook()

    /// The gateway runs, second by second.
    mutating func run(_ seconds: Range<Int64>, queued: Int = 0, inFlight: [(String, Int)] = []) {
        for second in seconds {
            book.sample(at: second, queued: queued, inFlight: inFlight.map { (backend: $0.0, count: $0.1) })
        }
    }

    mutating func request(
        at second: Int64, backend: String = "a", model: String? = "m", milliseconds: UInt64 = 100,
        status: HistoryEntry.Status = .success, _ change: (inout HistoryEntry) -> Void = { _ in }
    ) {
        var entry = HistoryEntry(
            timestamp: second, model: model ?? "made up", backendID: backend, durationMilliseconds: milliseconds,
            status: status)
        (entry.knownModel, entry.attempts) = (model, 1)
        change(&entry)
        book.add(entry)
    }

    func list(
        _ window: SeriesWindow, _ grouping: SeriesQuery.Grouping = .total, now: Int64, backend: String? = nil,
        model: String? = nil, limit: Int = 50
    ) -> SeriesList {
        SeriesReader(book: book, now: now).list(
            SeriesQuery(window: window, grouping: grouping, backend: backend, model: model, limit: limit))
    }
}

extension SeriesList {
    /// The values of the only series.
    fileprivate func values(_ metric: SeriesMetric, row: Int = 0) -> [Double?] {
        guard rows.indices.contains(row), let place = metrics.firstIndex(of: metric) else { return [] }
        return rows[row].values[place]
    }

    fileprivate func last(_ metric: SeriesMetric, row: Int = 0) -> Double? { values(metric, row: row).last ?? nil }
}

/// A time at which a step of every window begins.
private let start: Int64 = 1_800_000_000 - 1_800_000_000 % 1800

@Suite struct SeriesTests {
    @Test func eachWindowHasItsSteps() {
        var script = Script()
        script.run(start..<(start + 25))
        for second in [3, 7, 12, 21] { script.request(at: start + Int64(second)) }
        let short = script.list(.fiveMinutes, now: start + 24)
        #expect(short.from == start + 30 - 300 && short.awakeSeconds.suffix(4) == [0, 10, 10, 5])
        #expect(short.values(.requests).suffix(4) == [nil, 2, 1, 1])
        #expect(script.list(.hour, now: start + 25).values(.requests).suffix(2) == [nil, 4])
        #expect(script.list(.day, now: start + 25).values(.requests).suffix(2) == [nil, 4])
        #expect(short.values(.requests).count == 30 && SeriesWindow.steps == 138)
    }

    @Test func whereTheGatewayRanAndNobodyAskedThereWereNone() {
        var script = Script()
        script.run(start..<(start + 30))
        let list = script.list(.fiveMinutes, now: start + 29)
        #expect(list.values(.requests).suffix(4) == [nil, 0, 0, 0])
        #expect(list.values(.completionTokens).suffix(4) == [nil, 0, 0, 0])
        #expect(list.values(.durationP95).allSatisfy { $0 == nil }, "nothing took any time")
        #expect(list.values(.tokensPerSecond).allSatisfy { $0 == nil })
        #expect(list.values(.queued).suffix(4) == [nil, 0, 0, 0])
    }

    @Test func aTimeInWhichTheMachineSleptIsBlank() {
        var script = Script()
        script.run(start..<(start + 20))
        script.request(at: start + 5)
        script.run((start + 100)..<(start + 120))
        script.request(at: start + 101)
        let list = script.list(.fiveMinutes, now: start + 119)
        let requests: [Double?] = [1, 0, nil, nil, nil, nil, nil, nil, nil, nil, 1, 0]
        let awake: [Int] = [10, 10, 0, 0, 0, 0, 0, 0, 0, 0, 10, 10]
        #expect(list.values(.requests).suffix(12) == requests)
        #expect(list.awakeSeconds.suffix(12) == awake)
    }

    @Test func whatIsOldMakesRoomInItsTime() {
        var script = Script()
        script.request(at: start)
        func seen(after seconds: Int64) -> [Bool] {
            SeriesWindow.allCases.map { script.list($0, now: start + seconds).rows[0].requests == 1 }
        }
        #expect(seen(after: 299) == [true, true, true])
        #expect(seen(after: 300) == [false, true, true])
        #expect(seen(after: 3600) == [false, false, true])
        #expect(seen(after: 24 * 3600) == [false, false, false])
        // Also once newer ones came.
        script.request(at: start + 300)
        #expect(script.list(.fiveMinutes, now: start + 300).rows[0].requests == 1)
        #expect(script.list(.hour, now: start + 300).rows[0].requests == 2)
    }

    @Test func aClockThatIsSetBackHasOnlyWhatLiesAheadForgotten() {
        var script = Script()
        script.run(start..<(start + 10))
        script.request(at: start + 5)
        script.run((start + 5000)..<(start + 5010))
        script.request(at: start + 5005)
        script.run((start + 20)..<(start + 30))
        script.request(at: start + 25)
        let list = script.list(.fiveMinutes, now: start + 29)
        #expect(list.values(.requests).suffix(3) == [1, nil, 2], "what was under way belongs to now")
        #expect(script.list(.hour, now: start + 5010).values(.requests).compactMap { $0 } == [])
        // A late record belongs to the step under way.
        script.request(at: start - 4000)
        script.request(at: -5)
        #expect(script.list(.fiveMinutes, now: start + 29).last(.requests) == 4)
        script.request(at: .max)
        #expect(script.list(.fiveMinutes, now: .max).rows[0].requests == 1)
    }

    @Test func errorsRefusalsAndTokensAreCountedAndUnknownIsNotZero() {
        var script = Script()
        script.request(at: start, milliseconds: 200) { entry in
            (entry.promptTokens, entry.completionTokens, entry.tokensPerSecond) = (10, 40, 20)
            entry.timeToFirstByteMilliseconds = 50
        }
        script.request(at: start, status: .error) { $0.statusCode = 503 }
        script.request(at: start, status: .error) { $0.statusCode = 400 }
        let list = script.list(.fiveMinutes, now: start)
        #expect([SeriesMetric.requests, .errors, .refused].map { list.last($0) } == [3, 2, 1])
        #expect([SeriesMetric.promptTokens, .completionTokens].map { list.last($0) } == [10, 40])
        #expect(list.last(.cachedTokens) == nil, "nobody told")
        #expect(list.last(.tokensPerSecond) == 20 && list.last(.estimated) == 0)
        #expect(abs((list.last(.durationP99) ?? 0) / 200 - 1) < 0.045, "of successes alone")
        #expect(abs((list.last(.firstTokenP50) ?? 0) / 50 - 1) < 0.045)
        script.request(at: start) { ($0.completionTokens, $0.tokensEstimated) = (5, true) }
        #expect(script.list(.fiveMinutes, now: start).last(.estimated) == 1)
    }

    @Test func figuresOfServersDoNotOverflow() {
        var script = Script()
        for _ in 0..<3 {
            script.request(at: start, milliseconds: .max) { entry in
                (entry.promptTokens, entry.completionTokens, entry.cachedTokens) = (.max, .max, .max)
                (entry.tokensPerSecond, entry.timeToFirstByteMilliseconds) = (.leastNonzeroMagnitude, .max)
            }
            script.request(at: start) { ($0.completionTokens, $0.tokensPerSecond) = (1, .infinity) }
        }
        #expect(script.list(.day, now: start).last(.promptTokens) == Double(UInt32.max))
    }

    @Test func aFailedAttemptCountsWhereItFailed() {
        var script = Script()
        script.request(at: start, backend: "b") { entry in
            var failed = RouteStep(backend: "a", reason: .only, failure: "broken")
            (failed.isBlamed, failed.model) = (true, "m")
            entry.route = [failed, RouteStep(backend: "b", reason: .onlyAgain)]
        }
        let backends = script.list(.fiveMinutes, .backend, now: start)
        #expect(backends.rows.map(\.backend) == ["b", "a"])
        #expect(backends.last(.failedAttempts, row: 1) == 1 && backends.last(.requests, row: 1) == 0)
        #expect(backends.last(.failedAttempts) == 0 && backends.last(.errors) == 0)
        let pair = script.list(.fiveMinutes, now: start, backend: "a", model: "m")
        #expect(pair.last(.failedAttempts) == 1)
    }

    @Test func gaugesTellTheirMeanAndTheirMost() {
        var script = Script()
        script.run(start..<(start + 5), queued: 4, inFlight: [("a", 2), ("b", 1)])
        script.run((start + 5)..<(start + 10), queued: 0, inFlight: [("a", 0), ("b", 3)])
        let all = script.list(.fiveMinutes, now: start + 9)
        #expect(all.last(.inFlight) == 3 && all.last(.inFlightMost) == 3)
        #expect(all.last(.queued) == 2 && all.last(.queuedMost) == 4)
        let one = script.list(.fiveMinutes, .backend, now: start + 9, backend: "b")
        #expect(one.rows.count == 1 && one.last(.inFlight) == 2 && one.last(.inFlightMost) == 3)
        #expect(one.last(.queued) == nil, "nobody waits for a backend alone")
        script.request(at: start + 9, backend: "b")
        #expect(script.list(.fiveMinutes, now: start + 9, model: "m").last(.inFlight) == nil)
    }

    @Test func seriesAreToldByBackendAndByModelAndOfBoth() {
        var script = Script()
        script.run(start..<(start + 1), inFlight: [("a", 0), ("b", 0), ("idle", 0)])
        for _ in 0..<3 { script.request(at: start, backend: "a", model: "m") }
        for _ in 0..<2 { script.request(at: start, backend: "b", model: "m") }
        script.request(at: start, backend: "b", model: "n")
        script.request(at: start, backend: HistoryEntry.noBackend, model: nil, status: .error)
        func rows(_ list: SeriesList) -> [String] {
            list.rows.map { "\($0.model ?? "*")@\($0.backend ?? "*") \($0.requests)" + ($0.isRest ? " rest" : "") }
        }
        #expect(rows(script.list(.hour, now: start)) == ["*@* 7"])
        #expect(rows(script.list(.hour, .backend, now: start)) == ["*@a 3", "*@b 3", "*@none 1", "*@idle 0"])
        #expect(rows(script.list(.hour, .model, now: start)) == ["m@* 5", "n@* 1", "*@* 1 rest"])
        #expect(rows(script.list(.hour, .model, now: start, backend: "b")) == ["m@b 2", "n@b 1"])
        #expect(rows(script.list(.hour, .backend, now: start, model: "m")) == ["m@a 3", "m@b 2"])
        #expect(rows(script.list(.hour, now: start, backend: "b", model: "n")) == ["n@b 1"])
        let cut = script.list(.hour, .backend, now: start, limit: 1)
        #expect(cut.rows.count == 1 && cut.leftOut == 3)
    }

    @Test func aModelsQuantilesAreOfAllItsBackends() {
        var script = Script()
        for _ in 0..<9 { script.request(at: start, backend: "a", milliseconds: 100) }
        script.request(at: start, backend: "b", milliseconds: 4000)
        let list = script.list(.fiveMinutes, .model, now: start)
        #expect(abs((list.last(.durationP50) ?? 0) / 100 - 1) < 0.05)
        #expect(abs((list.last(.durationP99) ?? 0) / 4000 - 1) < 0.05)
        #expect(list.quantileError > 0.04 && list.quantileError < 0.05)
    }
}

@Suite struct SeriesRoomTests {
    /// Steps of every window, of as many as there may be.
    private func full() -> SeriesBook {
        var script = Script()
        for model in 0..<20 {
            for backend in 0..<50 {
                let (name, id) = ("a-model-with-a-long-name:\(model)", "a-server-with-a-long-name-\(backend)")
                // The second has the steps take the first.
                for second in [start - 10, start] { script.request(at: second, backend: id, model: name) }
            }
        }
        return script.book
    }

    @Test func fiftyBackendsWithTwentyModelsEachHaveRoomWithinTheLimit() {
        let book = full()
        #expect(book.backends.count == 50 && book.pairs.count == 1000 && book.folded == 0)
        #expect(book.bytes > 13_000_000 && book.bytes <= SeriesFigures.memoryLimit, "\(book.bytes)")
    }

    @Test func noFleetTakesMoreThanTheLimit() {
        #expect(SeriesBook.mostBytes <= SeriesFigures.memoryLimit, "\(SeriesBook.mostBytes)")
        #expect(full().bytes <= SeriesBook.mostBytes)
    }

    @Test func whatWasNotUsedForLongestMakesRoomAndIsCountedWithTheOthers() {
        var script = Script()
        for index in 0..<SeriesBook.pairLimit {
            script.request(at: start + Int64(index), backend: "a", model: "m\(index)")
        }
        let later = start + Int64(SeriesBook.pairLimit) + 301
        script.request(at: later, model: "new")
        #expect(script.book.folded == 1 && script.book.pairs.count == SeriesBook.pairLimit)
        let models = script.list(.day, .model, now: later, limit: 2000)
        #expect(!models.rows.contains { $0.model == "m0" } && models.rows.contains { $0.model == "m1" })
        #expect(models.rows.last?.isRest == true && models.rows.last?.requests == 1)
        #expect(models.rows.reduce(0) { $0 + $1.requests } == script.list(.day, now: later).rows[0].requests)
    }

    @Test func whatIsInUseMakesNoRoom() {
        var script = Script()
        for index in 0..<(SeriesBook.pairLimit + 5) { script.request(at: start, model: "m\(index)") }
        #expect(script.book.folded == 0 && script.book.crowded == 5)
        #expect(script.list(.hour, .model, now: start, limit: 2000).rows.last?.requests == 5)
    }

    @Test func whoHadNoRoomBeforeIsNotSaidToHaveDoneNothing() {
        var script = Script()
        script.run(start..<(start + 1000))
        for index in 0..<SeriesBook.pairLimit { script.request(at: start, model: "m\(index)") }
        script.request(at: start + 5, model: "late")
        script.request(at: start + 700, model: "late")
        script.run((start + 1000)..<(start + 1010))
        let list = script.list(.hour, now: start + 1009, model: "late")
        #expect(list.values(.requests).suffix(17) == [Double?](repeating: nil, count: 11) + [1, 0, 0, 0, 0, 0])
    }

    @Test func backendsAreBoundedToo() {
        var script = Script()
        script.run(start..<(start + 1), inFlight: (0..<200).map { ("b\($0)", 1) })
        #expect(script.book.backends.count == SeriesBook.backendLimit && script.book.folded == 0)
        #expect(script.list(.fiveMinutes, now: start).last(.inFlight) == 200, "all are counted together")
        script.request(at: start + 1, backend: "b150")
        let rows = script.list(.fiveMinutes, .backend, now: start + 1, limit: 100).rows
        #expect(rows.first?.backend == "b150", "one without a request makes room")
    }

    @Test func aNameWithoutEndTakesNoRoom() {
        var script = Script()
        let name = String(repeating: "x", count: 5000)
        script.request(at: start, backend: name, model: name)
        #expect(script.book.pairs.isEmpty && script.book.backends.isEmpty)
        #expect(script.list(.hour, .model, now: start).rows.map(\.isRest) == [true])
    }
}

@Suite struct SeriesChangesTests {
    /// Four minutes as usual, and one that is not.
    private func script(
        last: (inout Script, Int64) -> Void,
        usual: (inout Script, Int64) -> Void = { script, second in
            if second % 2 == 0 {
                script.request(at: second, backend: "box-2", milliseconds: 600 + UInt64(second % 7) * 30)
            }
        }
    ) -> Script {
        var script = Script()
        for second in start..<(start + 240) {
            script.run(second..<(second + 1), inFlight: [("box-2", 1)])
            usual(&script, second)
        }
        for second in (start + 240)..<(start + 300) {
            script.run(second..<(second + 1), inFlight: [("box-2", 1)])
            last(&script, second)
        }
        return script
    }

    private func changes(_ script: Script, from: Int64 = 240, to: Int64 = 300) -> SeriesChanges {
        ChangeReader(book: script.book, now: start + 299).changes(ChangeQuery(from: start + from, to: start + to))
    }

    private func texts(_ changes: SeriesChanges) -> [String] {
        changes.changes.map { ChangeWords($0).text(model: $0.model, backend: $0.backend) }
    }

    @Test func aModelThatBecameSlowIsToldInWords() throws {
        let script = script { script, second in
            if second % 2 == 0 { script.request(at: second, backend: "box-2", milliseconds: 4100) }
        }
        let found = changes(script)
        #expect(found.from == start + 240 && found.to == start + 299 && found.step == 10 && found.before.count == 4)
        let change = try #require(found.changes.first)
        #expect(change.model == "m" && change.backend == "box-2" && change.before.count == 4)
        #expect(texts(found).count == 1, "the backend and all requests say the same: \(texts(found))")
        #expect(
            texts(found)[0].hasPrefix("median of m at box-2: 4") || texts(found)[0].hasPrefix("p95 of m at box-2: 4"))
        #expect(texts(found)[0].contains(" s, before 0."))
    }

    @Test func asUsualIsNoChange() {
        let usual = script { script, second in
            if second % 2 == 0 {
                script.request(at: second, backend: "box-2", milliseconds: 600 + UInt64(second % 5) * 40)
            }
        }
        #expect(texts(changes(usual)) == [])
    }

    @Test func errorsAndSilenceAreChanges() {
        let failing = script { script, second in
            guard second % 2 == 0 else { return }
            script.request(at: second, backend: "box-2", milliseconds: 700, status: second % 4 == 0 ? .error : .success)
        }
        #expect(texts(changes(failing)).contains("errors of m at box-2: 50 %, before 0 %"))
        let silent = script { _, _ in }
        #expect(texts(changes(silent)).contains("requests of m at box-2: 0 a minute, before 30 a minute"))
    }

    @Test func whatMostRequestsFeelComesFirst() throws {
        let script = script(
            last: { script, second in
                script.request(at: second, backend: "busy", milliseconds: 3000)
                if second % 10 == 0 { script.request(at: second, backend: "rare", milliseconds: 3000) }
            },
            usual: { script, second in
                script.request(at: second, backend: "busy", milliseconds: 500)
                if second % 10 == 0 { script.request(at: second, backend: "rare", milliseconds: 500) }
            })
        let found = changes(script).changes.filter { $0.metric.family == 1 && $0.model != nil }
        #expect(found.map(\.backend) == ["busy", "rare"])
        #expect(try #require(found.first).score > 2 * (try #require(found.last).score))
    }

    @Test func windowsInWhichTheGatewayDidNotRunAreLeftOut() {
        var script = Script()
        for second in (start + 180)..<(start + 300) {
            script.run(second..<(second + 1))
            script.request(at: second, milliseconds: second < start + 240 ? 100 : 900)
        }
        let found = changes(script)
        #expect(found.before == [start + 180])
        #expect(found.changes.count == 1 && found.changes[0].before.count == 1)
        #expect(changes(script, from: 180, to: 240).changes.isEmpty, "nothing is known of what was before")
    }

    @Test func aLongerWindowIsComparedInLongerSteps() {
        var script = Script()
        for minute in Int64(0)..<50 {
            for second in Int64(0)..<60 {
                script.run((start + minute * 60 + second)..<(start + minute * 60 + second + 1))
            }
            for _ in 0..<10 { script.request(at: start + minute * 60, milliseconds: minute < 40 ? 200 : 2000) }
        }
        let reader = ChangeReader(book: script.book, now: start + 2999)
        let found = reader.changes(ChangeQuery(from: start + 2400, to: start + 3000))
        #expect(found.step == 60 && found.before.count == 4 && found.changes.count == 1)
        let early = reader.changes(ChangeQuery(from: start - 7200, to: start - 3600))
        #expect(early.changes.isEmpty && early.before.isEmpty)
    }

    @Test func aChangeOfTheQueueIsToldOfAll() {
        var script = Script()
        script.run(start..<(start + 240), queued: 0, inFlight: [("a", 1)])
        script.run((start + 240)..<(start + 300), queued: 9, inFlight: [("a", 4)])
        #expect(
            Set(texts(changes(script))) == [
                "queue: 9, before 0", "in flight at a: 4, before 1",
            ])
    }

    @Test func whatOneBackendOfSeveralHasMadeIsToldOnce() {
        func usual(_ script: inout Script, _ second: Int64) {
            for box in ["a", "b", "c"] { script.request(at: second, backend: box, milliseconds: 500) }
        }
        let slow = script(
            last: { script, second in
                for box in ["a", "b"] { script.request(at: second, backend: box, milliseconds: 500) }
                script.request(at: second, backend: "c", milliseconds: 9000)
            }, usual: usual)
        #expect(changes(slow).changes.filter { $0.metric.family == 1 }.map(\.backend) == ["c"])
        let failing = script(
            last: { script, second in
                for box in ["a", "b"] { script.request(at: second, backend: box, milliseconds: 500) }
                script.request(at: second, backend: "c", milliseconds: 500, status: .error)
            }, usual: usual)
        let errors = changes(failing).changes.filter { $0.metric == .errors }
        #expect(errors.map(\.backend) == ["c"] && errors.map(\.model) == ["m"])
        let busy = script(
            last: { script, second in
                usual(&script, second)
                for _ in 0..<4 { script.request(at: second, backend: "c", milliseconds: 500) }
            }, usual: usual)
        #expect(changes(busy).changes.filter { $0.metric == .requests }.map(\.backend) == ["c"])
    }

    @Test func whatAllBackendsHaveMadeTogetherIsToldOfAll() {
        let slow = script(
            last: { script, second in
                for box in ["a", "b", "c"] { script.request(at: second, backend: box, milliseconds: 9000) }
            },
            usual: { script, second in
                for box in ["a", "b", "c"] { script.request(at: second, backend: box, milliseconds: 500) }
            })
        #expect(changes(slow).changes.contains { $0.metric.family == 1 && $0.backend == nil })
    }

    @Test(
        arguments: [
            (ChangeMetric.durationP95, 4100.0, [600.0, 800], "p95 of m at b: 4.1 s, before 0.6 to 0.8 s"),
            (.durationP50, 90, [40, 41], "median of m at b: 90 ms, before 40 to 41 ms"),
            (.firstTokenP95, 640, [12], "p95 to the first token of m at b: 640 ms, before 12 ms"),
            (.durationP99, 180_000, [1000], "p99 of m at b: 3 min, before 0.02 min"),
            (.errors, 0.313, [0, 0.01], "errors of m at b: 31 %, before 0 to 1 %"),
            (.requests, 0.5, [0.1, 0.05], "requests of m at b: 30 a minute, before 3 to 6 a minute"),
            (.requests, 1234, [10], "requests of m at b: 1200 a second, before 10 a second"),
            (.tokensPerSecond, 12.4, [41], "speed of m at b: 12 tokens a second, before 41 tokens a second"),
            (.inFlight, .nan, [.infinity], "in flight of m at b: 0, before 0"),
        ] as [(ChangeMetric, Double, [Double], String)])
    func wordsHaveUnitsThatAreEasilyRead(_ metric: ChangeMetric, _ now: Double, _ before: [Double], _ text: String) {
        let change = SeriesChanges.Change(
            metric: metric, backend: "b", model: "m", now: now, before: before, score: 1, requests: 1)
        #expect(ChangeWords(change).text(model: "m", backend: "b") == text)
    }
}

@Suite struct SeriesEncodingTests {
    @Test func seriesTellWhatIsNotKnownAsNull() throws {
        var script = Script()
        script.run((start + 290)..<(start + 300))
        script.request(at: start + 295, milliseconds: 123)
        var list = script.list(.fiveMinutes, .backend, now: start + 299)
        list.metrics = [.requests]
        let text = String(
            decoding: ContractEncoder.series(list, names: ["a": "A <1>"]), as: UTF8.self)
        #expect(
            text.contains(#""object":"series","window":"5m","from":\#(start),"to":\#(start + 299),"step_seconds":10"#))
        #expect(text.contains(#""backend_id":"a","backend":"A <1>","model":null,"rest":false,"requests":1"#))
        #expect(text.contains(#""values":{"requests":[null,null,"#) && text.contains("null,1]"))
    }

    @Test func everySeriesOfTheLargestAnswerFitsIntoSomeHundredKilobytes() {
        var script = Script()
        script.run((start - 100)..<start)
        for backend in 0..<60 {
            for number in SeriesWindow.hour.numbers(at: start) {
                script.request(at: number * 60, backend: "backend-\(backend)", milliseconds: 12_345) { entry in
                    (entry.completionTokens, entry.tokensPerSecond, entry.promptTokens) = (123_456, 98.7, 123_456)
                    (entry.timeToFirstByteMilliseconds, entry.cachedTokens) = (1234, 1234)
                }
            }
        }
        let list = script.list(.hour, .backend, now: start, limit: SeriesQuery.mostSeries)
        #expect(ContractEncoder.series(list, names: [:]).count < 600_000)
    }
}
