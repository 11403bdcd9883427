import Core
import Testing

@Suite struct RestTests {
    private let second: UInt64 = 1_000_000_000

    @Test func aModelRestsWithoutTheOthers() {
        let rests = Rests()
        rests.rest("a", until: 30 * second, now: second)

        #expect(rests.end(for: "a", now: 2 * second) == 30 * second && rests.end(for: "b", now: 2 * second) == 0)
        #expect(rests.end(for: "a", now: 30 * second) == 0)
    }

    @Test func aServerRestsWithAllOfItsModels() {
        let rests = Rests()
        rests.rest(nil, until: 30 * second, now: second)
        rests.rest("a", until: 40 * second, now: second)

        #expect(
            rests.end(for: "a", now: 2 * second) == 40 * second && rests.end(for: "b", now: 2 * second) == 30 * second)
    }

    @Test func whatWasUnderWayBeforeEndsNoRest() {
        let rests = Rests()
        rests.rest("a", until: 30 * second, now: 10 * second)
        rests.rest(nil, until: 20 * second, now: 10 * second)

        rests.served("a", began: 9 * second)
        #expect(
            rests.end(for: "a", now: 11 * second) == 30 * second && rests.end(for: "b", now: 11 * second) == 20 * second
        )
        rests.served("b", began: 11 * second)
        #expect(rests.end(for: "a", now: 12 * second) == 30 * second && rests.end(for: "b", now: 12 * second) == 0)
        rests.served("a", began: 12 * second)
        #expect(rests.end(for: "a", now: 12 * second) == 0)
    }

    @Test func whereTooManyModelsRestTheServerDoes() {
        var table = RestTable()
        for number in 0..<RestTable.modelLimit { table.rest("m\(number)", until: 30, now: 1) }
        #expect(table.end(for: "other") == 0)
        // One that is there already takes no more room.
        table.rest("m0", until: 40, now: 2)
        #expect(table.end(for: "other") == 0 && table.latest == 40)

        table.rest("one more", until: 50, now: 2)
        #expect(table.end(for: "other") == 50)
        // Those whose time is over make room.
        table.rest("x", until: 90, now: 60)
        #expect(table.end(for: "x") == 90 && table.end(for: "m1") == 50)
    }

    @Test func oneModelTooManyShortensNoRestOfTheServer() {
        var table = RestTable()
        table.rest(nil, until: 1000, now: 1)
        for number in 0..<RestTable.modelLimit { table.rest("m\(number)", until: 30, now: 1) }

        table.rest("one more", until: 50, now: 2)

        #expect(table.end(for: "other") == 1000)
    }

    @Test func whatBeganAfterARestWasOverChangesNothing() {
        let rests = Rests()
        rests.rest("a", until: 30 * second, now: second)
        rests.served("a", began: 30 * second)
        // And what began in spite of one ends it, as ever.
        rests.rest("b", until: 90 * second, now: 40 * second)
        rests.served("b", began: 50 * second)

        #expect(rests.end(for: "a", now: 20 * second) == 30 * second && rests.end(for: "b", now: 51 * second) == 0)
    }

    private func failure(
        _ status: Int, kind: ExchangeFailure.Kind = .busy, after: UInt64 = 5000, _ message: String = "no",
        body: String = ""
    ) -> ExchangeFailure {
        ExchangeFailure(
            kind: kind, status: status, retryAfterMilliseconds: after, message: message, body: Array(body.utf8))
    }

    @Test func tooManyRequestsAreThoseOfTheModel() {
        #expect(RestScope(failure(429), model: "m") == .model)
        #expect(RestScope(failure(429, after: 0), model: "m") == nil)
        let quota = #"{"error":{"message":"no credit","type":"insufficient_quota","code":"insufficient_quota"}}"#
        #expect(RestScope(failure(429, body: quota), model: "m") == .backend)
        #expect(RestScope(failure(402), model: "m") == .backend)
    }

    @Test(arguments: [
        (503, "server busy, please try again", RestScope.backend), (503, "Loading model", .backend),
        (503, "That model is currently overloaded with other requests.", .model),
        (503, "Model org/Big-70B is currently loading", .model), (529, "Overloaded", .backend),
    ])
    func aServerThatIsBusyRestsUnlessItSpeaksOfTheModel(status: Int, words: String, scope: RestScope) {
        #expect(RestScope(failure(status, words), model: "org/big-70b") == scope)
    }

    @Test func whatAServerOrItsProxyCannotDoNowIsLeftAloneAsWell() {
        #expect(RestScope(failure(500, kind: .upstream), model: "m") == .backend)
        #expect(RestScope(failure(504, kind: .timeout), model: "m") == .backend)
        #expect(RestScope(failure(400, kind: .rejected), model: "m") == nil)
        #expect(RestScope(failure(401, kind: .auth), model: "m") == nil)
        #expect(RestScope(failure(404, kind: .unsupported), model: "m") == nil)
    }
}
