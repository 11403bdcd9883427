import Testing

@testable import Core

@Suite struct CapacityTests {
    private let capacity = Capacity()

    @Test func aPlaceIsTakenOnceAndGivenBackOnce() {
        let first = capacity.lease(limit: 1)
        let second = capacity.lease(limit: 1)
        #expect(capacity.inUse == 1)
        let (hasFirst, hasSecond) = (first != nil, second != nil)
        #expect(hasFirst && !hasSecond)

        first?.end()

        #expect(capacity.inUse == 0)
    }

    @Test func aLeaseThatIsDroppedGivesItsPlaceBack() {
        do {
            let lease = capacity.lease(limit: nil)
            #expect(capacity.inUse == 1)
            _ = lease
        }
        #expect(capacity.inUse == 0)
    }

    @Test func noPlaceIsLostBetweenThreads() async {
        let capacity = capacity
        let taken = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var taken = 0
                    for _ in 0..<10_000 {
                        if let lease = capacity.lease(limit: 3) {
                            taken += 1
                            if capacity.inUse > 3 { taken = -1_000_000 }
                            lease.end()
                        }
                    }
                    return taken
                }
            }
            return await group.reduce(0, +)
        }
        #expect(taken > 0 && capacity.inUse == 0)
    }
}
