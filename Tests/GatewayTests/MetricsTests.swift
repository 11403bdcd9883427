import Core
import Logging
import Testing

@testable import Gateway

@Suite struct MetricsTests {
    private func state() -> GatewayState {
        let broadcaster = Broadcaster()
        return GatewayState(
            settings: LiveSettings(Configuration()), logger: Logger(label: "test"),
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
        page.sample("x", [], value)
        #expect(String(decoding: page.bytes, as: UTF8.self) == "x \(text)\n")
    }
}
