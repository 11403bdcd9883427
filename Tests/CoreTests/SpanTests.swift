import JSON
import NIOCore
import Testing

@testable import Core

@Suite struct SpanTests {
    private static let place = ExchangeTrace(
        [], sampling: TraceSampling(ratio: 1), random: (0x4bf9_2f35_77b3_4da6, 0xa3ce_929d_0e0e_4736, 7))
    private let servers = [
        "one": TracedServer(name: "first", type: "openai", address: "10.0.0.1", port: 8080),
        "two": TracedServer(name: "second", type: "ollama", address: "10.0.0.2", port: 11434),
    ]

    private func spans(
        _ end: ExchangeEnd, model: String = "m", trace: ExchangeTrace? = place, _ events: [ExchangeEvent]
    ) -> [Span] {
        var timeline = Timeline(arrival: .uptimeNanoseconds(1000))
        for (index, event) in (events + [.ended(end)]).enumerated() {
            timeline.append(event, at: .uptimeNanoseconds(2000 + 1000 * UInt64(index)))
        }
        var request = ExchangeRecord.Request(
            id: "r", model: "alias", knownModel: model, stream: true, endpoint: "/v1/chat/completions", key: "app")
        request.trace = trace
        let record = ExchangeRecord(request: request, timeline: timeline, endedAt: 5)
        return SpanFold.spans(of: HistoryEntry(record), offset: 1_000_000, servers: servers)
    }

    private let failure = ExchangeEvent.attemptFailed(
        AttemptFailure(backend: "one", attempt: 0, kind: .timeout, message: "too late"))

    @Test func whatIsNotTracedHasNone() {
        #expect(spans(.success(200), trace: nil, []).isEmpty)
        let unsampled = ExchangeTrace([], sampling: TraceSampling(ratio: 0), random: (1, 2, 3))
        #expect(spans(.success(200), trace: unsampled, []).isEmpty)
    }

    @Test func anAnswerIsASpanWithOneBelowIt() {
        let outcome = ExchangeOutcome(promptTokens: 9, completionTokens: 4, cachedTokens: 2)
        let spans = spans(
            .success(200, outcome),
            [.queued, .attemptStarted(backend: "one", reason: .only), .connected, .firstByte, .committed, .lastByte])
        #expect(spans.count == 2)
        let (request, attempt) = (spans[0], spans[1])
        #expect(request.kind == .server && request.start == 1_001_000 && request.end == 1_008_000)
        #expect(request.events.map(\.name) == ["nexus.queued", "nexus.committed"] && request.failure == nil)
        #expect(request["gen_ai.request.model"] == .text("alias") && request["gen_ai.response.model"] == .text("m"))
        #expect(request["nexus.key"] == .text("app") && request["error.type"] == nil)
        #expect(attempt.kind == .client && attempt.parent == request.id && attempt.id == Self.place.attempt(0))
        #expect(attempt.name == "chat m" && attempt.start == 1_003_000 && attempt.end == 1_007_000)
        #expect(attempt.events.map(\.name) == ["nexus.connected", "nexus.first_data"])
        #expect(attempt["gen_ai.usage.input_tokens"] == .integer(9) && attempt["server.port"] == .integer(8080))
        #expect(attempt["gen_ai.usage.cache_read.input_tokens"] == .integer(2))
        #expect(attempt["gen_ai.provider.name"] == .text("openai") && attempt["nexus.backend"] == .text("first"))
    }

    @Test func aFailureElsewhereIsTheAttemptsAndNotTheRequests() {
        let spans = spans(
            .success(200, ExchangeOutcome(completionTokens: 1)), model: "n",
            [
                .attemptStarted(backend: "one", reason: .only), failure, .modelLeft("m"),
                .attemptStarted(backend: "two", reason: .onlyAgain), .firstByte, .lastByte,
            ])
        #expect(spans.map(\.failure) == [nil, "too late", nil])
        #expect(spans[1]["error.type"] == .text("timeout") && spans[1].end == 1_003_000)
        #expect(spans.map(\.name) == ["POST /v1/chat/completions", "chat m", "chat n"])
        #expect(spans[1]["gen_ai.usage.output_tokens"] == nil && spans[2]["gen_ai.usage.output_tokens"] == .integer(1))
    }

    @Test func theOneThatLeadsHasTheAnswer() {
        let spans = spans(
            .success(200),
            [
                .attemptStarted(backend: "one", reason: .only),
                .attemptStarted(backend: "two", reason: RouteReason.only.hedged), .attemptLeft(0), .attemptLeads(1),
                .firstByte, .lastByte,
            ])
        #expect(spans[1]["nexus.hedge.lost"] == .flag(true) && spans[1].end == 1_004_000 && spans[1].events.isEmpty)
        #expect(spans[2].events.map(\.name) == ["nexus.first_data"] && spans[2].end == 1_007_000)
        #expect(spans[0]["nexus.backend"] == .text("second"))
    }

    @Test(arguments: [
        (ExchangeEnd.error(404, "no"), "404", false), (.error(499, "gone"), "499", false),
        (.error(503, "no"), "503", true),
        // Told inside an answer.
        (.error(200, "broke off"), "_OTHER", true),
    ])
    func whoIsToBlameIsTold(_ end: ExchangeEnd, _ type: String, _ isFailure: Bool) {
        let spans = spans(end, [.attemptStarted(backend: "gone", reason: .only)])
        #expect(spans[0]["error.type"] == .text(type) && (spans[0].failure != nil) == isFailure)
        // It was under way when the exchange ended, at a backend that is no more.
        #expect(spans[1]["error.type"] == .text("cancelled") && spans[1].end == spans[0].end)
        #expect(spans[1]["nexus.backend"] == .text("gone") && spans[1]["server.address"] == nil)
    }

    @Test func theProtocolsJSONIsWritten() throws {
        let spans = spans(.error(503, "no\u{2028}where"), [.attemptStarted(backend: "one", reason: .only), failure])
        let resource = OTLPEncoding.Resource(service: "s", version: "1", instance: "i")
        let json = try JSONValue.parse(OTLPEncoding.request(spans, of: resource))["resourceSpans"]?[0]
        let scope = json?["scopeSpans"]?[0]
        #expect(json?["resource"]?["attributes"]?[0] == ["key": "service.name", "value": ["stringValue": "s"]])
        let (request, attempt) = (scope?["spans"]?[0], scope?["spans"]?[1])
        #expect(request?["traceId"]?.string == "4bf92f3577b34da6a3ce929d0e0e4736" && request?["kind"]?.int == 2)
        #expect(request?["spanId"]?.string == "0000000000000007" && request?["parentSpanId"] == nil)
        #expect(request?["startTimeUnixNano"]?.string == "1001000" && request?["flags"]?.int == 0x101)
        #expect(request?["status"] == ["message": "no\u{2028}where", "code": 2])
        #expect(attempt?["parentSpanId"]?.string == "0000000000000007" && attempt?["kind"]?.int == 3)
    }

    @Test func theQueueHasABoundAndCountsWhatFindsNoRoom() {
        var queue = SpanQueue()
        func item(_ attempts: Int) -> SpanQueue.Item {
            var entry = HistoryEntry(
                timestamp: 1, model: "\(attempts)", backendID: "one", durationMilliseconds: 1, status: .success)
            entry.attempts = attempts
            return SpanQueue.Item(entry, offset: 0)
        }
        for _ in 0..<SpanQueue.limit { queue.add(item(1)) }
        queue.add(item(2))
        #expect(queue.count == SpanQueue.limit && queue.dropped == 3 && queue.isBatch)

        // What could not be sent is in front again, and what has come meanwhile makes room.
        let batch = queue.take()
        #expect(batch.count == SpanQueue.batch)
        for _ in 0..<SpanQueue.batch { queue.add(item(0)) }
        queue.giveBack(batch)
        #expect(queue.count == SpanQueue.limit && queue.dropped == 3 + UInt64(SpanQueue.batch))
        #expect(queue.take().map(\.entry.attempts) == [Int](repeating: 1, count: SpanQueue.batch))
        queue.clear()
        #expect(queue.isEmpty)
    }
}
