import Testing

@testable import Core

@Suite struct MemoryBudgetTests {
    @Test func aShareIsGrantedUpToTheLimitOfAll() {
        let budget = MemoryBudget(limit: 100)
        var one = MemoryShare(of: budget)
        var other = MemoryShare(of: budget)

        let first = one.set(60)
        let tooMuch = other.set(41)
        let (bytes, used) = (other.bytes, budget.used)
        let rest = other.set(40)

        #expect(first && !tooMuch && bytes == 0 && used == 60 && budget.refused == 1)
        #expect(rest && budget.used == 100)
    }

    @Test func lessIsGrantedAlsoAboveTheLimit() {
        let budget = MemoryBudget(limit: 100)
        var share = MemoryShare(of: budget)
        let before = share.set(80)
        budget.limit = 10

        let more = share.set(81)
        let less = share.set(50)

        #expect(before && !more && less && budget.used == 50)
    }

    @Test func aShareGoesBackWhenItEnds() {
        let budget = MemoryBudget(limit: 100)
        do {
            var share = MemoryShare(of: budget)
            _ = share.set(70)
        }
        #expect(budget.used == 0)
    }

    @Test func whatManyThreadsTakeAndGiveBackAddsUp() async {
        let budget = MemoryBudget(limit: 1000)
        await withTaskGroup(of: Void.self) { tasks in
            for seed in 1...8 {
                tasks.addTask {
                    var share = MemoryShare(of: budget)
                    for step in 0..<2000 {
                        _ = share.set(seed * step % 400)
                    }
                }
            }
        }
        #expect(budget.used == 0)
    }
}
