import Core
import Foundation
import Logging
import Testing

@testable import Gateway

@Suite struct MetricsTests {
    private func state() -> GatewayState {
        let broadcaster = Broadcaster()
        return GatewayState(
            settings: LiveSettings(Configuration()), logs: .silent,
            registry: Registry(failureThreshold: 1, recoveryThreshold: 1, broadcaster: broadcaster) { _ in },
            broadcaster: broadcaster, historyCapacity: 10)
    }

    private func entry(_ model: String, isKnown: Bool) -> HistoryEntry {
        var entry = HistoryEntry(
            timestamp: 1, model: model, backendID: isKnown ? "one" : HistoryEntry.noBackend,
            durationMilliseconds: .max, status: .success)
        entry.knownModel = isKnown ? model : nil
        entry.promptTokens = .max
        entry.completionTokens = (1 << 53) - 1
        entry.cachedTokens = 1
        entry.tokensPerSecond = .leastNonzeroMagnitude
        entry.timeToFirstByteMilliseconds = .max
        return entry
    }

    private func samples(_ state: GatewayState) -> [Substring: Double] {
        var samples: [Substring: Double] = [:]
        for line in String(decoding: Metrics.text(state), as: UTF8.self).split(separator: "\n")
        where !line.hasPrefix("#") {
            let space = line.lastIndex(of: " ") ?? line.startIndex
            samples[line[..<space]] = Double(line[space...].dropFirst())
        }
        return samples
    }

    @Test func figuresOfAnySizeAreWritten() {
        let state = state()
        for _ in 0..<5000 { state.figures.take([entry("m", isKnown: true)]) }

        let samples = samples(state)
        #expect(samples[#"nexus_model_tokens_total{model="m",kind="prompt"}"#] == Double(Tally.limit))
        #expect(samples[#"nexus_model_tokens_total{model="m",kind="cached"}"#] == 5000)
        #expect(samples.values.allSatisfy { $0.isFinite })
    }

    @Test func noNameThatAClientMadeUpIsALabel() {
        let state = state()
        for number in 0..<2000 { state.figures.take([entry("made-up-\(number)", isKnown: false)]) }
        state.figures.take([entry("m", isKnown: true)])

        let models = samples(state).keys.filter { $0.hasPrefix("nexus_model_tokens_total") }
        #expect(models.count == 3)
    }

    @Test(arguments: [(Double.nan, "NaN"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (3, "3"), (0.5, "0.5")])
    func aValueIsWrittenAsTheFormatHasIt(_ value: Double, _ text: String) {
        var page = MetricsPage()
        page.add(.uptime, value)
        #expect(String(decoding: page.bytes, as: UTF8.self).hasSuffix("\nnexus_uptime_seconds \(text)\n"))
    }

    @Test func everyFamilyIsThereOnceWhateverThereIsToTell() {
        let lines = String(decoding: Metrics.text(state()), as: UTF8.self).split(separator: "\n")
        let told = lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] }
        #expect(told.map(String.init) == MetricFamily.all.map(\.name))
    }

    @Test func theNamesAreAsPrometheusWantsThem() {
        for family in MetricFamily.all {
            #expect(family.name.hasSuffix("_total") == (family.kind == .counter), "\(family.name)")
            #expect(!family.labels.contains("le") && family.help.hasSuffix("."), "\(family.name)")
        }
    }

    /// `NEXUS_WRITE_DOCS=1` writes it anew.
    @Test func theDocumentListsThemAsTheyAre() throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../docs/metrics.md")
        let text = try String(contentsOf: path, encoding: .utf8)
        let (begin, end) = ("<!-- families -->\n", "<!-- /families -->\n")
        let parts = text.components(separatedBy: begin)
        try #require(parts.count == 2)
        let rest = parts[1].components(separatedBy: end)
        try #require(rest.count == 2)
        if ProcessInfo.processInfo.environment["NEXUS_WRITE_DOCS"] == "1" {
            try (parts[0] + begin + MetricFamily.table + end + rest[1]).write(
                to: path, atomically: true, encoding: .utf8)
        } else {
            #expect(rest[0] == MetricFamily.table)
        }
    }

    @Test func modelsInTheWordsOfTheConventionsAreBounded() {
        let figures = GenAIFigures()
        for number in 0..<500 {
            var entry = entry("model-\(number)", isKnown: true)
            entry.endpoint = "/v1/chat/completions"
            figures.take([entry])
        }
        var stranger = entry("made up", isKnown: false)
        stranger.endpoint = "/v1/chat/completions"
        figures.take([stranger])

        #expect(figures.count == GenAIFigures.limit + 1)
        let others = figures.all.filter { $0.key.model == GenAI.other }
        #expect(others.map(\.sums.durations.count) == [401])
    }

    @Test(arguments: [(200, "200"), (529, "529"), (299, "2xx"), (599, "5xx"), (418, "4xx"), (0, "1xx"), (7000, "5xx")])
    func statusesAreToldApartWithinBounds(_ code: Int, _ told: String) {
        let figures = ResponseFigures()
        var entry = entry("m", isKnown: true)
        (entry.statusCode, entry.endpoint) = (code, "/v1/messages")
        figures.take([entry])
        #expect(figures.all.map { [$0.api, $0.code, "\($0.count)"] } == [["anthropic", told, "1"]])
    }
}
