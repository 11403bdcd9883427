import Testing

@testable import Terminal

@Suite struct TopScreenTests {
    private func picture(backends: Int = 3, active: Int = 2, records: Int = 10) -> TopPicture {
        var picture = TopPicture()
        picture.version = "1.2.3"
        picture.uptime = 3700
        picture.requests = 1000
        picture.errors = 3
        picture.backends = (0..<backends).map {
            TopPicture.Backend(
                name: "box-\($0)", state: $0 == 1 ? "Unhealthy" : "Healthy",
                error: $0 == 1 ? "connection refused" : nil,
                requests: 500, pending: 1, latency: 1234, models: 7)
        }
        picture.active = (0..<active).map {
            TopPicture.Request(
                model: "llama-\($0)", backend: "box-0", phase: "streaming", place: nil, elapsed: 12_345, tokens: 88,
                speed: 41.5, client: "10.0.0.7")
        }
        picture.activeTotal = Int64(active)
        picture.records = (0..<records).map {
            TopPicture.Record(
                time: 1_700_000_000, model: "llama", backend: "box-0", duration: 900, isError: $0 == 0,
                message: $0 == 0 ? "CUDA error" : nil, attempts: $0 == 0 ? 2 : 1)
        }
        return picture
    }

    private func screen(
        _ picture: TopPicture?, columns: Int = 80, rows: Int = 24, _ change: (inout TopState) -> Void = { _ in }
    ) -> [String] {
        var state = TopState(address: "http://127.0.0.1:8080")
        if let picture { state.take(picture, at: 100) }
        change(&state)
        return TopScreen(state, columns: columns, rows: rows, now: 101) { _ in "12:34:56" }.lines.map(\.text)
    }

    @Test(arguments: [(80, 24), (40, 8), (41, 9), (60, 12), (120, 50), (200, 5), (10, 40), (1, 1)])
    func itFitsIntoEveryTerminal(columns: Int, rows: Int) {
        var picture = picture(backends: 50, active: 40, records: 100)
        picture.troubles = (0..<30).map { .init(severity: "critical", words: "模型 \($0) is down: " + "x".repeated(300)) }

        let lines = screen(picture, columns: columns, rows: rows)

        #expect(lines.count <= rows)
        #expect(lines.allSatisfy { CellText.width($0) <= columns })
    }

    @Test func atEightyByTwentyFourAllPartsAreThere() {
        let text = screen(picture()).joined(separator: "\n")

        for part in ["BACKEND", "IN FLIGHT", "ENDED", "box-0", "llama-1", "12:34:56", "q quit", "up 1 h 1 min"] {
            #expect(text.contains(part), "\(part) is missing")
        }
    }

    @Test func whoIsNotWellStandsFirstWithTheReason() {
        let lines = screen(picture(backends: 30))
        let heading = lines.firstIndex { $0.hasPrefix("BACKEND") }

        #expect(heading.map { lines[$0 + 1].hasPrefix("box-1 ") && lines[$0 + 1].contains("✖ unhealthy") } == true)
        #expect(heading.map { lines[$0 + 1].contains("connection") } == true)
    }

    @Test func whatIsNotShownIsCounted() {
        let lines = screen(picture(backends: 30))

        #expect(lines.contains { $0.hasPrefix("… and ") && $0.contains(" more") })
    }

    @Test func whatIsNotKnownIsBlank() {
        var unknown = TopPicture()
        unknown.backends = [.init(name: "b", state: "Unknown", requests: nil, pending: nil, latency: nil, models: 0)]

        let lines = screen(unknown)

        #expect(lines[1] == "0 of 1 backends well")
        #expect(lines.first { $0.hasPrefix("b ") }?.contains(" ms") == false)
    }

    @Test func aGatewayThatDoesNotAnswerIsSaidToBeSilentAndSinceWhen() {
        let lines = screen(picture()) { state in
            state.failed("connection refused", at: 60)
            state.failed("connection refused", at: 100)
        }

        #expect(lines[0].contains("no answer for 41 s: connection refused"))
    }

    @Test func troubleStandsAboveEverythingElse() {
        var picture = picture()
        picture.troubles = [.init(severity: "critical", words: "box-1 is down since 05:52: connection refused")]

        #expect(screen(picture)[2] == "✖ box-1 is down since 05:52: connection refused")
    }

    @Test func errorsCarryTheirMessageAndAttempts() {
        #expect(screen(picture(), columns: 120).contains { $0.contains("error, 2 attempts: CUDA error") })
    }
}

@Suite struct TopStateTests {
    private func picture(_ requests: Int64, uptime: Int64) -> TopPicture {
        var picture = TopPicture()
        (picture.requests, picture.uptime) = (requests, uptime)
        return picture
    }

    @Test func theRateIsOfTheLastTwoPictures() {
        var state = TopState(address: "")
        state.take(picture(10, uptime: 5), at: 5)
        #expect(state.rate == nil)
        state.take(picture(30, uptime: 7), at: 7)
        #expect(state.rate == 10)
    }

    @Test func anotherRunOfTheGatewayHasNoRateYet() {
        var state = TopState(address: "")
        state.take(picture(10, uptime: 500), at: 5)
        state.take(picture(12, uptime: 1), at: 7)
        #expect(state.rate == nil)
    }

    @Test func whatIsPausedIsNotOutOfDate() {
        var state = TopState(address: "")
        state.take(picture(1, uptime: 1), at: 1)
        #expect(state.isStale(at: 20))
        state.pause()
        #expect(!state.isStale(at: 20))
    }

    @Test func rowsGoToWhoNeedsThem() {
        #expect(TopScreen.shares(of: 12, among: [20, 20, 20]) == [4, 4, 4])
        #expect(TopScreen.shares(of: 12, among: [1, 2, 20]) == [1, 2, 9])
        #expect(TopScreen.shares(of: 12, among: [0, 0, 3]) == [0, 0, 3])
        #expect(TopScreen.shares(of: -3, among: [5, 5, 5]) == [0, 0, 0])
        #expect(TopScreen.shares(of: 2, among: [5, 5, 5]).reduce(0, +) == 2)
    }
}

extension String {
    fileprivate func repeated(_ count: Int) -> String { String(repeating: self, count: count) }
}
