import Testing

@testable import Terminal

@Suite struct GrowingTableTests {
    @Test func theHeaderStandsOnce() {
        var table = GrowingTable(["NAME", "N"])
        #expect(table.lines([]) == ["NAME  N"])
        #expect(table.lines([["a", "1"]]) == ["a     1"])
    }

    @Test func columnsOfOneBatchAreAligned() {
        var table = GrowingTable(["NAME", "N", "WORDS"])
        let lines = table.lines([["a", "1", "x y"], ["longer", "22", ""]])
        #expect(lines == ["NAME    N   WORDS", "a       1   x y", "longer  22"])
    }

    @Test func aColumnThatHasBecomeWiderStaysSo() {
        var table = GrowingTable(["A", "B"])
        #expect(table.lines([["1", "2"]]).last == "1  2")
        #expect(table.lines([["1234", "2"]]).last == "1234  2")
        #expect(table.lines([["1", "2"]]).last == "1     2")
    }

    @Test func oneLongNameDoesNotMoveAllThatComeAfterIt() {
        var table = GrowingTable(["A", "B"])
        #expect(table.lines([[String(repeating: "x", count: 300), "2"]]).last?.hasSuffix("x  2") == true)
        #expect(table.lines([["1", "2"]]).last?.count == 63)
    }

    @Test func nothingThatATerminalObeysIsShown() {
        var table = GrowingTable(["A", "B"])
        #expect(table.lines([["\u{1B}[2J", "\n"]]).last == "?[2J  ?")
    }
}
