import Testing

@testable import Core

@Suite struct GenerationSpeedTests {
    @Test func aStreamsSpeedIsThatOfTheTokensAfterTheFirst() {
        let speed = GenerationSpeed(
            ExchangeOutcome(completionTokens: 11), microseconds: 1_500_000, firstPiece: 500_000)

        #expect(speed.timeToFirstTokenMilliseconds == 500 && speed.tokensPerSecond == 10)
    }

    @Test func whatTheServerToldOfItsTimeCounts() {
        let outcome = ExchangeOutcome(completionTokens: 20, promptMicroseconds: 5, completionMicroseconds: 400_000)

        #expect(GenerationSpeed(outcome, microseconds: 1_000_000, firstPiece: 1).tokensPerSecond == 50)
        #expect(GenerationSpeed(outcome, microseconds: 1_000_000, firstPiece: nil).tokensPerSecond == 50)
        #expect(GenerationSpeed(outcome, microseconds: 1_000_000, firstPiece: nil).timeToFirstTokenMilliseconds == 600)
    }

    @Test func aWholeAnswerOfAServerThatTellsNothingHasItsMeanSpeedAndNoFirstToken() {
        let speed = GenerationSpeed(ExchangeOutcome(completionTokens: 10), microseconds: 500_000, firstPiece: nil)

        #expect(speed.timeToFirstTokenMilliseconds == nil && speed.tokensPerSecond == 20)
    }

    @Test func aServerThatSaysItTookNoTimeHasNoEndlessSpeed() {
        let outcome = ExchangeOutcome(completionTokens: 20, completionMicroseconds: 0)

        #expect(GenerationSpeed(outcome, microseconds: 100, firstPiece: nil).tokensPerSecond == 200_000)
    }

    @Test(arguments: [nil, 0, 1] as [UInt64?])
    func noSpeedIsMadeOfNothing(_ tokens: UInt64?) {
        let outcome = ExchangeOutcome(completionTokens: tokens)

        #expect(GenerationSpeed(outcome, microseconds: 100, firstPiece: 100).tokensPerSecond == nil)
    }
}

@Suite struct TokenFiguresTests {
    private func entry(_ change: (inout HistoryEntry) -> Void) -> HistoryEntry {
        var entry = HistoryEntry(
            timestamp: 1, model: "m", backendID: "one", durationMilliseconds: 2000, status: .success)
        entry.knownModel = "m"
        change(&entry)
        return entry
    }

    @Test func sumsAndMeansAreOfWhatIsKnown() {
        var figures = TokenFigures()
        figures.add(
            entry {
                $0.promptTokens = 5
                $0.completionTokens = 30
                $0.tokensPerSecond = 10
            })
        figures.add(
            entry {
                $0.cachedTokens = 2
                $0.completionTokens = 10
                $0.timeToFirstByteMilliseconds = 80
            })
        figures.add(
            entry {
                $0.completionTokens = 10
                $0.tokensPerSecond = 10
                $0.timeToFirstByteMilliseconds = 40
            })

        #expect(figures.prompt == 5 && figures.completion == 50 && figures.cached == 2)
        #expect(figures.tokensPerSecond == 10 && figures.generationSeconds == 4)
        #expect(figures.timeToFirstTokenMilliseconds == 60)
    }

    @Test func beforeTheFirstExchangeNothingIsKnown() {
        #expect(TokenFigures().tokensPerSecond == nil && TokenFigures().timeToFirstTokenMilliseconds == nil)
    }

    @Test func exchangesAreCountedByBackend() {
        let figures = ExchangeFigures()
        figures.take([
            entry {
                $0.promptTokens = 5
                $0.timeToFirstByteMilliseconds = 30
            },
            entry { $0.backendID = HistoryEntry.noBackend },
        ])

        #expect(figures.backends.keys.sorted() == ["one"])
        #expect(figures.backends["one"]?.durations.sum == 2 && figures.backends["one"]?.firstTokens.count == 1)
        #expect(figures.models.first?.tokens.prompt == 5)
    }
}

@Suite struct HistogramTests {
    @Test func aValueFallsIntoTheFirstBucketThatHoldsIt() {
        var histogram = Histogram()
        for value in [0.005, 0.01, 0.011, 1000] { histogram.add(value) }

        #expect(histogram.counts[0] == 2 && histogram.counts[1] == 1 && histogram.counts.last == 1)
        #expect(histogram.count == 4)
    }
}
