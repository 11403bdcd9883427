import Core
import NIOCore
import Testing

@testable import Gateway

@Suite struct BackendStoryTests {
    private typealias Standing = BackendPast.Standing

    private func story(
        _ before: BackendStatus, _ after: BackendStatus, states: (BackendState, BackendState)? = nil,
        reason: String? = "why"
    ) -> BackendStory? {
        let states = states ?? (.unknown, .healthy)
        return BackendStory(
            BackendChange(
                backend: "box", before: Standing(status: before, state: states.0),
                after: Standing(status: after, state: states.1),
                reason: reason, stateReason: "2 of 3 probes in a row failed.", lasted: 90))
    }

    @Test func aBackendThatComesGoesDegradesAndRecoversIsToldOfOnce() {
        #expect(story(.unknown, .healthy)?.message == "backend is up")
        #expect(
            story(.healthy, .unhealthy)?.message == "backend is down" && story(.healthy, .unhealthy)?.reason == "why")
        #expect(
            story(.unhealthy, .healthy)?.message == "backend is up again"
                && story(.unhealthy, .healthy)?.awaySeconds == 90)
        #expect(
            story(.healthy, .degraded)?.message.contains("left alone") == true
                && story(.healthy, .degraded)?.reason == "why")
        #expect(story(.degraded, .healthy)?.message == "backend serves again")
        #expect(story(.healthy, .unhealthy)?.level == .warning && story(.unhealthy, .healthy)?.level == .notice)
    }

    @Test func whatOthersTellOfIsNotToldTwice() {
        #expect(
            story(.healthy, .draining) == nil && story(.draining, .healthy) == nil && story(.healthy, .unknown) == nil)
    }

    @Test func probesThatOnlyBeginToFailAreDetails() {
        let failing = story(.healthy, .healthy, states: (.healthy, .goingDown))
        #expect(failing?.level == .debug && failing?.reason == "2 of 3 probes in a row failed. why")
        #expect(story(.healthy, .healthy, states: (.healthy, .healthy)) == nil)
    }
}

@Suite struct RequestLineTests {
    private func entry(_ status: HistoryEntry.Status, code: Int) -> HistoryEntry {
        var entry = HistoryEntry(
            timestamp: 1, model: "fast", backendID: "box", durationMilliseconds: 120, status: status,
            errorMessage: status == .error ? "no" : nil)
        entry.requestID = "r1"
        entry.knownModel = "llama"
        entry.attempts = 1
        entry.statusCode = code
        entry.client = "10.0.0.7"
        entry.completionTokens = 5
        return entry
    }

    @Test func itSaysWhoAskedForWhatWhereAndHowItWent() {
        let line = RequestLine.line(entry(.success, code: 200))
        #expect(
            line.message == "request served" && line.level == "info" && line.request == "r1"
                && line.component == "requests")
        for (name, text) in [
            ("client", "10.0.0.7"), ("model", "fast"), ("served_model", "llama"), ("backend", "box"),
            ("why", "only-candidate"),
            ("status", "200"), ("attempts", "1"), ("duration_ms", "120"), ("completion_tokens", "5"),
        ] { #expect(line.text(name) == text, "\(name)") }
        #expect(line.text("prompt_tokens") == nil && line.text("reason") == nil, "what is not known is left out")
    }

    @Test func whatFailedSaysWhyAlsoWhereTheStatusIsGood() {
        let broken = RequestLine.line(entry(.error, code: 200))
        #expect(broken.message == "request failed" && broken.level == "notice" && broken.text("reason") == "no")
    }

    @Test func whyAttemptsFailedIsToldAlsoWhereTheRequestWasServed() {
        var retried = entry(.success, code: 200)
        retried.attempts = 2
        retried.route = [
            RouteStep(backend: "one", reason: .only, failure: "refused"),
            RouteStep(backend: "two", reason: .onlyAgain, end: .answered),
        ]
        let line = RequestLine.line(retried)
        #expect(line.text("failed_attempts") == "one: refused" && line.text("why") == "only-candidate;retry")
        #expect(RequestLine.line(entry(.error, code: 502)).text("failed_attempts") == nil)
    }

    @Test func howLongItWaitedForAPlaceIsTold() {
        var waited = entry(.success, code: 200)
        var timeline = Timeline(arrival: .uptimeNanoseconds(0))
        timeline.append(.queued, at: .uptimeNanoseconds(1_000_000))
        timeline.append(.attemptStarted(backend: "box", reason: .only), at: .uptimeNanoseconds(251_000_000))
        waited.timeline = timeline
        #expect(RequestLine.line(waited).text("queued_ms") == "250")
    }
}

@Suite struct LogKindsTests {
    private func line(_ component: String, _ fields: [(name: String, value: LogValue)] = [], request: String? = nil)
        -> LogLine
    {
        LogLine(at: 1, level: "info", component: component, message: "m", request: request, fields: fields)
    }

    @Test func trafficDoesNotPushOutWhatHappened() {
        var ring = LogRing(lines: 3, bytes: .max)
        ring.push(line("backends"))
        for _ in 0..<100 { ring.push(line("requests")) }
        let tail = ring.tail(limit: 10)
        #expect(tail.lines.map(\.sequence) == [1, 99, 100, 101] && tail.last == 101)
        #expect(ring.tail(after: 50, limit: 10).skipped == 48)
        #expect(ring.tail(after: 98, limit: 10).skipped == 0)
    }

    @Test func linesAreFoundByWhatTheyAreAbout() {
        var ring = LogRing()
        ring.push(
            line(
                "requests", [("model", .string("a")), ("client", .string("10.0.0.7")), ("key", .string("app"))],
                request: "r1"))
        ring.push(line("requests", [("model", .string("b")), ("served_model", .string("a"))], request: "r2"))
        ring.push(line("backends", [("backend", .string("box"))]))
        func found(_ filter: LogFilter) -> [UInt64] { ring.tail(limit: 10, filter).lines.map(\.sequence) }
        #expect(found(LogFilter(request: "r1")) == [1])
        #expect(found(LogFilter(model: "a")) == [1, 2])
        #expect(found(LogFilter(client: "10.0.0.7")) == [1] && found(LogFilter(client: "app")) == [1])
        var failed = line("requests")
        failed.level = "notice"
        ring.push(failed)
        #expect(found(LogFilter(requests: .errors)) == [3, 4] && found(LogFilter(requests: .none)) == [3])
        #expect(found(LogFilter(backend: "box")) == [3] && found(LogFilter(component: "backends")) == [3])
    }
}
