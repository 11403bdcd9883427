import Testing

@testable import Gateway

@Suite struct MemoryUpkeepTests {
    @Test func memoryIsGivenBackOnceALoadIsOver() {
        #expect(!MemoryUpkeep.isDue(total: 0, atLook: 0, atRelease: 0))
        // Under load, and when it is over.
        #expect(!MemoryUpkeep.isDue(total: 5000, atLook: 0, atRelease: 0))
        #expect(MemoryUpkeep.isDue(total: 5010, atLook: 5000, atRelease: 0))
        #expect(!MemoryUpkeep.isDue(total: 5010, atLook: 5010, atRelease: 5010))
    }
}
