import NIOCore
import Testing

@testable import Gateway

@Suite struct SweepTurnsTests {
    @Test(arguments: [0, 1, 256]) func aFewAreLookedAfterAtOnce(count: Int) {
        var turns = SweepTurns()

        for round in 1...3 {
            #expect(turns.turn(of: count) == .init(places: 0..<count, beginsRound: true, pause: SweepTurns.round))
            #expect(turns.rounds == round)
        }
    }

    @Test(arguments: [257, 1000, 12_800, 100_000]) func ofManyEachHasOneTurnInARoundThatIsNoLonger(count: Int) {
        var turns = SweepTurns()
        var seen: [Int] = []
        var time: Int64 = 0

        repeat {
            let turn = turns.turn(of: count)
            #expect(turn.beginsRound == seen.isEmpty)
            seen += turn.places
            time += turn.pause.nanoseconds
        } while seen.count < count

        #expect(seen == Array(0..<count) && turns.rounds == 1)
        #expect(time <= SweepTurns.round.nanoseconds && time > SweepTurns.round.nanoseconds * 9 / 10)
        #expect(turns.turn(of: count).beginsRound)
    }

    @Test func aTurnHasFewOfThem() {
        var turns = SweepTurns()

        #expect(turns.turn(of: 10_000).places.count == SweepTurns.few)
        #expect(turns.turn(of: 10_000).pause < .milliseconds(10))
    }

    @Test func aRoundEndsEarlyIfThereAreNoMore() {
        var turns = SweepTurns()
        _ = turns.turn(of: 1000)

        #expect(turns.turn(of: 100) == .init(places: 0..<100, beginsRound: true, pause: SweepTurns.round))
    }
}
