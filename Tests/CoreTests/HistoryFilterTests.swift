import JSON
import NIOCore
import Testing

@testable import Core

@Suite struct HistoryFilterTests {
    private func entry(
        _ model: String = "m", backend: String = "one", code: Int = 200, at timestamp: Int64 = 1000,
        _ change: (inout HistoryEntry) -> Void = { _ in }
    ) -> HistoryEntry {
        var entry = HistoryEntry(
            timestamp: timestamp, model: model, backendID: backend, durationMilliseconds: 5,
            status: code < 400 ? .success : .error, errorMessage: code < 400 ? nil : "it failed")
        entry.statusCode = code
        entry.endpoint = "/v1/chat/completions"
        change(&entry)
        return entry
    }

    private func filter(_ pairs: (String, String)...) throws -> HistoryFilter {
        var filter = HistoryFilter()
        for (name, value) in pairs { #expect(try filter.set(name, value)) }
        return filter
    }

    @Test func withoutParametersEverythingIsWanted() throws {
        let entries = [entry("a"), entry("b", code: 503)]
        #expect(HistoryFilter().apply(entries) == entries)
        #expect(try filter(("model", ""), ("text", "")) == HistoryFilter())
    }

    @Test func eachParameterLeavesOutWhatItDoesNotName() throws {
        var alias = entry("fast")
        alias.knownModel = "m"
        let rows = [
            entry("m", at: 10), entry("n", backend: "two", code: 503, at: 20), alias,
            entry("m", code: 404, at: 40) {
                $0.client = "10.0.0.7"
                $0.endpoint = "/v1/messages"
            },
            entry("m", backend: "two", at: 50) { $0.endpoint = "/api/chat" },
        ]
        func found(_ name: String, _ value: String) throws -> [Int] {
            let filter = try filter((name, value))
            return rows.indices.filter { filter.matches(rows[$0]) }
        }
        #expect(try found("model", "m") == [0, 2, 3, 4])
        #expect(try found("backend", "two") == [1, 4])
        #expect(try found("status", "Success") == [0, 2, 4])
        #expect(try found("status", "error") == [1, 3])
        #expect(try found("status", "503") == [1] && found("status", "4xx") == [3])
        #expect(try found("client", "10.0.0.7") == [3])
        #expect(try found("api", "anthropic") == [3] && found("api", "Ollama") == [4])
        #expect(try found("text", "FAILED") == [1, 3] && found("text", "10.0.0") == [3])
        #expect(try found("from", "40") == [2, 3, 4] && found("to", "1970-01-01T00:00:20Z") == [0, 1])
    }

    @Test func aBackendThatFailedBeforeAnotherAnsweredIsFound() throws {
        let retried = entry(backend: "two") {
            $0.route = [
                RouteStep(backend: "one", reason: .only, failure: "connection refused"),
                RouteStep(backend: "two", reason: .onlyAgain),
            ]
        }
        #expect(try filter(("backend", "one")).matches(retried))
        #expect(try filter(("text", "refused")).matches(retried))
        #expect(try !filter(("backend", "three")).matches(retried))
    }

    @Test func theLimitKeepsTheNewestOfThoseThatAreWanted() throws {
        let rows = (1...10).map { entry($0 % 2 == 0 ? "even" : "odd", at: Int64($0)) }
        #expect(try filter(("model", "even"), ("limit", "2")).apply(rows).map(\.timestamp) == [8, 10])
        #expect(try filter(("limit", "1000")).apply(rows).count == 10)
    }

    @Test(
        arguments: [
            ("status", "bad"), ("status", "999"), ("status", "9xx"), ("api", "grpc"), ("from", "yesterday"),
            ("to", "2026-13-01T00:00:00Z"), ("from", "inf"), ("limit", "0"), ("limit", "-1"), ("limit", "x"),
            ("text", String(repeating: "x", count: 5000)),
        ])
    func whatCannotBeIsRefusedInWords(_ name: String, _ value: String) {
        var filter = HistoryFilter()
        #expect { _ = try filter.set(name, value) } throws: { error in
            let problem = error as? HistoryFilter.Problem
            return problem?.parameter == name && problem?.message.hasPrefix(name) == true
        }
    }

    @Test func anUnknownParameterIsToldFromAKnownOne() throws {
        var filter = HistoryFilter()
        #expect(try !filter.set("modle", "m"))
    }

    // MARK: As a table

    @Test func aTableHasOneLineAnEntryAndNothingThatASpreadsheetRuns() {
        let row = entry("=cmd|' /C calc'!A0", code: 500) {
            $0.errorMessage = "a \"quoted\",\r\nline"
            $0.requestID = "@r"
            $0.tokensPerSecond = .nan
        }
        let text = String(decoding: HistoryTable.csv([row, entry()]), as: UTF8.self)
        #expect(text.hasPrefix("time,request_id,client,"))
        #expect(text.contains("\"a \"\"quoted\"\",\r\nline\""))
        #expect(text.contains(",'=cmd|' /C calc'!A0,") && text.contains(",'@r,"))
        #expect(!text.contains("nan") && text.hasSuffix("\r\n"))
    }

    // MARK: The time line

    @Test func aRecordTellsWhatHappenedAndWhen() throws {
        let start = NIODeadline.uptimeNanoseconds(5_000_000_000)
        var timeline = Timeline(arrival: start)
        timeline.append(.queued, at: start + .milliseconds(1))
        timeline.append(.attemptStarted(backend: "one", reason: .only), at: start + .microseconds(2500))
        timeline.append(.connected, at: start + .milliseconds(3))
        timeline.append(
            .attemptFailed(
                AttemptFailure(backend: "one", kind: .connect, message: String(repeating: "x", count: 9000))),
            at: start + .milliseconds(4))
        timeline.append(.ended(.error(502, "it failed")), at: start + .milliseconds(10))
        var request = ExchangeRecord.Request(
            id: "r", model: "m", endpoint: "/v1/messages", client: try SocketAddress(ipAddress: "10.0.0.7", port: 1))
        request.requestBytes = 17
        let record = ExchangeRecord(request: request, timeline: timeline, endedAt: 1000)
        let entry = EntryLimits.clean(HistoryEntry(record), now: 1000)

        let json = try JSONValue.parse(ContractEncoder.record(entry, others: [3]))

        #expect(
            json["events"]?.array?.compactMap { $0["event"]?.string } == [
                "arrived", "queued", "attempt", "connected", "attempt_failed", "ended",
            ])
        #expect(json["events"]?[2]?["at_ms"]?.double == 2.5 && json["events"]?[2]?["backend_id"]?.string == "one")
        #expect(json["events"]?[4]?["error_message"]?.string?.count == EntryLimits.stepFailure)
        #expect(json["record"]?["client"]?.string == "10.0.0.7" && json["record"]?["api"]?.string == "anthropic")
        #expect(json["request_bytes"]?.int == 17 && json["answer_bytes"]?.isNull == true)
        #expect(json["others"]?[0]?.int == 3)
    }

    // MARK: Instants

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0.0), ("2026-01-02T03:04:05Z", 1_767_323_045),
            ("2026-01-02T04:04:05+01:00", 1_767_323_045), ("2026-01-02T03:04:05.25z", 1_767_323_045.25),
            ("2000-02-29 23:59:59-00:30", 951_870_599), ("0000-01-01T00:00:00Z", -62_167_219_200),
        ])
    func instantsAreRead(_ text: String, _ seconds: Double) {
        #expect(Timestamp.seconds(rfc3339: text) == seconds)
    }

    @Test func instantsThatWereWrittenAreReadAgain() {
        for seconds in stride(from: -62_167_219_200.0, to: 253_402_300_800, by: 86_399 * 997) {
            let text = Timestamp.rfc3339(seconds) ?? ""
            #expect(Timestamp.seconds(rfc3339: text) == seconds.rounded(.down))
        }
    }

    @Test(arguments: [
        "", "2026", "2026-01-02", "2026-01-02T03:04:05", "2026-00-02T03:04:05Z", "2026-01-02T25:04:05Z",
        "2026-01-02T03:04:05+1", "2026-01-02T03:04:05Zx", "é026-01-02T03:04:05Z", "2026-01-02T03:04:05.Q",
    ])
    func whatIsNoInstantIsNone(_ text: String) {
        #expect(Timestamp.seconds(rfc3339: text) == nil)
    }
}
