import Testing

@testable import Core

@Suite struct TokenEstimateTests {
    @Test func followsWhatServersCountAndForgetsSlowly() {
        var estimate = TokenEstimate()
        #expect(estimate.ratio(of: "m") == 1)
        estimate.learn("m", estimated: 1000, reported: 2000)
        #expect(estimate.ratio(of: "m") == 2 && estimate.ratio(of: "other") == 1)
        estimate.learn("m", estimated: 1000, reported: 1000)
        #expect(abs(estimate.ratio(of: "m") - 1.8) < 1e-9)
        for _ in 0..<100 { estimate.learn("m", estimated: 1000, reported: 1000) }
        #expect(abs(estimate.ratio(of: "m") - 1) < 1e-6)
    }

    @Test func isNotLedAstrayByAbsurdCounts() {
        var estimate = TokenEstimate()
        estimate.learn("short", estimated: 63, reported: 10_000)
        estimate.learn("silent", estimated: 1000, reported: 0)
        #expect(estimate == TokenEstimate())
        estimate.learn("cached", estimated: 100_000, reported: 1)
        estimate.learn("huge", estimated: 64, reported: .max)
        #expect(estimate.ratio(of: "cached") == TokenEstimate.smallestRatio)
        #expect(estimate.ratio(of: "huge") == TokenEstimate.largestRatio)
    }

    @Test func ofTooManyModelsThoseHeardOfLongestAgoAreForgotten() {
        var estimate = TokenEstimate()
        for index in 0..<TokenEstimate.limit { estimate.learn("m\(index)", estimated: 100, reported: 200) }
        estimate.learn("m0", estimated: 100, reported: 200)
        estimate.learn("new", estimated: 100, reported: 200)
        #expect(estimate.ratio(of: "m0") == 2 && estimate.ratio(of: "m1") == 1 && estimate.ratio(of: "new") == 2)
        #expect(estimate.ratio(of: "m\(TokenEstimate.limit / 2)") == 2, "most are remembered")
    }

    @Test func aHundredThousandModelsThatComeAndGoCostLittle() {
        var estimate = TokenEstimate()
        for index in 0..<100_000 { estimate.learn("m\(index)", estimated: 100, reported: 200) }
        #expect(estimate.ratio(of: "m99999") == 2 && estimate.ratio(of: "m0") == 1)
    }

    @Test func onlyKnownModelsAndCountsTeach() {
        let estimates = TokenEstimates()
        var entry = HistoryEntry(
            timestamp: 1, model: "m", backendID: "b", durationMilliseconds: 1, status: .success)
        entry.promptTokens = 3000
        entry.promptEstimate = 1000
        estimates.take([entry])
        #expect(estimates.tokens(100, model: "m") == 100)
        entry.knownModel = "m"
        estimates.take([entry])
        #expect(estimates.tokens(100, model: "m") == 300)
        entry.promptEstimate = 0
        entry.promptTokens = 1
        estimates.take([entry])
        #expect(estimates.tokens(100, model: "m") == 300 && estimates.tokens(.max, model: "m") > 1 << 50)
    }
}
