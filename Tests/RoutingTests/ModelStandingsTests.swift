import Core
import Testing

@Suite struct ModelStandingsTests {
    @Test(arguments: [0..<3, 5..<8, 0..<40, 7..<60]) func eachBackendFindsItsOwnAndNoOtherHasOne(indices: Range<Int>) {
        let known = indices.map { (index: $0, standing: ModelStanding()) }
        var standings = ModelStandings()
        for (index, standing) in known { standings.append(standing, at: index) }

        #expect(known.allSatisfy { standings[$0.index] === $0.standing })
        #expect(standings[indices.upperBound] == nil)
        #expect(indices.lowerBound == 0 || standings[indices.lowerBound - 1] == nil)
    }

    @Test func gapsAreNobodys() {
        let known = stride(from: 1, to: 60, by: 3).map { (index: $0, standing: ModelStanding()) }
        var standings = ModelStandings()
        for (index, standing) in known { standings.append(standing, at: index) }

        #expect(known.allSatisfy { standings[$0.index] === $0.standing })
        #expect((0..<60).allSatisfy { $0 % 3 == 1 || standings[$0] == nil })
    }

    @Test func aModelThatABackendListsTwiceCountsOnce() {
        var standings = ModelStandings()
        let (first, second, other) = (ModelStanding(), ModelStanding(), ModelStanding())
        standings.append(first, at: 0)
        standings.append(second, at: 0)
        standings.append(other, at: 1)

        #expect(standings[0] === first && standings[1] === other)
    }
}
