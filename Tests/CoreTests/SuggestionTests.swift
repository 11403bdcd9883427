import Testing

@testable import Core

@Suite struct SuggestionTests {
    private static let commands = ["serve", "models", "history", "keys", "top", "tail", "cert", "config"]

    @Test(arguments: [
        ("confg", "config"), ("modles", "models"), ("hsitory", "history"), ("Serve", "serve"), ("tpo", "top"),
        ("kys", "keys"),
    ])
    func aSlipOfThePenIsSeen(_ typed: String, _ meant: String) {
        #expect(Suggestion.nearest(typed, in: Self.commands) == meant)
    }

    @Test func twoNeighboursThatHaveChangedPlacesAreOneSlip() {
        #expect(Suggestion.nearest("prot", in: ["port", "host"]) == "port")
    }

    @Test func aBeginningIsEnoughAndTwoLettersAreNone() {
        #expect(Suggestion.nearest("his", in: Self.commands) == "history")
        #expect(Suggestion.nearest("hi", in: Self.commands) == nil)
        #expect(Suggestion.nearest("gap", in: ["gpu", "gap_seconds"]) == "gap_seconds", "it goes over what is near")
    }

    @Test(arguments: ["test", "foo", "cat", "me", "x", "", "logs", "status"])
    func aShortWordIsNotHeldForAnotherOne(_ typed: String) {
        #expect(Suggestion.nearest(typed, in: Self.commands) == nil)
    }

    @Test func theNearestOfSeveralIsTakenAndOfEqualsTheFirst() {
        #expect(Suggestion.nearest("backend", in: ["backed", "bakcnd"]) == "backed")
        #expect(Suggestion.nearest("mode", in: ["node", "code"]) == "node")
    }

    @Test func whatIsVeryLongIsNotLookedAt() {
        let name = String(repeating: "a", count: 101)
        #expect(Suggestion.nearest(name, in: [name]) == nil)
    }

    @Test func oneNameIsJudgedAsSeveralAre() {
        #expect(Suggestion.isNear("uri", "url") && !Suggestion.isNear("foo", "top"))
    }
}
