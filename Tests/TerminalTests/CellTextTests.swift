import Testing

@testable import Terminal

@Suite struct CellTextTests {
    @Test(arguments: [
        ("abc", 3), ("", 0), ("模型", 4), ("e\u{301}", 1), ("😀", 2), ("…", 1), ("\u{E000}", 1),
    ])
    func charactersTakeTheCellsThatTheTerminalGivesThem(text: String, cells: Int) {
        #expect(CellText.width(text) == cells)
    }

    @Test(arguments: [
        ("abc", 5, "abc  "), ("abcdef", 4, "abc…"), ("模型模型", 5, "模型…"), ("模型模型", 6, "模型… "), ("abc", 0, ""),
        ("模", 1, "…"), ("abc", 3, "abc"),
    ])
    func textIsCutOrFilledToExactlyItsCells(text: String, cells: Int, fitted: String) {
        #expect(CellText.fit(text, cells) == fitted)
        #expect(CellText.width(CellText.fit(text, cells)) == cells)
    }

    @Test func numbersStandOnTheRight() { #expect(CellText.fit("42", 5, isNumber: true) == "   42") }

    @Test func wordsOfServersNeitherSteerTheTerminalNorTurnItsDirection() {
        #expect(CellText.clean("a\u{1B}[2J\r\n\u{9B}b\u{202E}c\u{2066}d") == "a?[2J???bcd")
    }
}
