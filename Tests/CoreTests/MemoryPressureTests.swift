import Testing

@testable import Core

@Suite struct MemoryPressureTests {
    @Test(arguments: [
        (0, MemoryPressure.none), (699, .none), (700, .closing), (849, .closing), (850, .evicting), (949, .evicting),
        (950, .resetting), (1000, .resetting), (2000, .resetting),
    ])
    func whatIsGivenUpGrowsWithWhatIsTaken(used: Int, pressure: MemoryPressure) {
        #expect(MemoryPressure(used: used, limit: 1000) == pressure)
    }

    @Test func theLargestLimitHasSharesToo() {
        #expect(MemoryPressure(used: .max / 2, limit: .max) == .none)
        #expect(MemoryPressure(used: .max, limit: .max) == .resetting)
    }

    @Test func requestsLeaveARestForAnswers() {
        let budget = MemoryBudget(limit: 1000)
        var request = MemoryShare(of: budget, isForRequest: true)
        var answer = MemoryShare(of: budget)

        let (tooMuch, request850) = (request.set(851), request.set(850))
        let (rest, more) = (answer.set(150), answer.set(151))

        #expect(!tooMuch && request850 && rest && !more)
    }

    @Test func whoeverStandsStillIsInTheWayWhileOthersAreRefused() {
        var watch = MemoryWatch()

        let looks = [
            watch.look(used: 100, limit: 1000, refused: 0), watch.look(used: 100, limit: 1000, refused: 1),
            watch.look(used: 100, limit: 1000, refused: 1), watch.look(used: 990, limit: 1000, refused: 2),
            watch.look(used: 990, limit: 1000, refused: 2),
        ]

        #expect(looks == [.none, .evicting, .none, .resetting, .closing])
    }

    @Test func theOneThatHoldsMostOfAllLoopsIsFound() {
        let heaviest = Heaviest()

        let answers = [
            heaviest.isMost(10, loop: 0), heaviest.isMost(30, loop: 1), heaviest.isMost(20, loop: 0),
            heaviest.isMost(5, loop: 1), heaviest.isMost(20, loop: 0),
        ]

        #expect(answers == [true, true, false, false, true])
    }
}
