import Testing

@testable import AdapterHost

private final class Thing {}

@Suite struct HandleTableTests {
    @Test func aHandleFindsItsObjectUntilItIsRemoved() {
        var table = HandleTable<Thing>(tag: 1)
        let thing = Thing()
        let handle = table.insert(thing)
        #expect(table[handle] === thing)

        table.remove(handle)
        #expect(table[handle] == nil && table.count == 0)
    }

    @Test func aStaleHandleDoesNotFindTheNextObjectInItsPlace() {
        var table = HandleTable<Thing>(tag: 1)
        let stale = table.insert(Thing())
        table.remove(stale)
        let fresh = table.insert(Thing())

        #expect(fresh != stale && table[stale] == nil && table[fresh] != nil)
        let removedAgain = table.remove(stale)
        #expect(!removedAgain)
    }

    @Test func aForgedHandleOrOneOfAnotherTableFindsNothing() {
        var first = HandleTable<Thing>(tag: 1)
        let second = HandleTable<Thing>(tag: 2)
        let handle = first.insert(Thing())

        #expect(second[handle] == nil)
        for bit in 0..<64 { #expect(first[handle ^ (1 << UInt64(bit))] == nil) }
        for forged in [0, 1, UInt64.max, UInt64(1) << 56] { #expect(first[forged] == nil) }
    }

    @Test func zeroIsNeverAHandle() {
        var table = HandleTable<Thing>(tag: 1)
        for _ in 0..<100 { #expect(table.insert(Thing()) != 0) }
    }
}
