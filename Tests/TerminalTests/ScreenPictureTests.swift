import Foundation
import Testing

@testable import Terminal

@Suite struct ScreenPictureTests {
    private func line(_ pieces: (String, CellStyle)...) -> StyledLine {
        var line = StyledLine()
        for (text, style) in pieces { line.append(text, style) }
        return line
    }

    @Test func eachPieceStandsInItsColumnAndIsAsWideAsItsCells() {
        let svg = ScreenPicture.svg([line(("box-1  ", .plain), ("● healthy", .good)), StyledLine("next")])

        #expect(
            svg.contains(
                "<text x=\"16\" y=\"29\" textLength=\"42\" fill=\"#d7dde4\" xml:space=\"preserve\">box-1</text>"))
        #expect(svg.contains("<text x=\"74.8\" y=\"29\" textLength=\"75.6\" fill=\"#6cc98a\""))
        #expect(svg.contains("y=\"47\"") && svg.contains("viewBox=\"0 0 166.4 68\""))
    }

    @Test func whatServersAndClientsSayBecomesNoMarkup() {
        let svg = ScreenPicture.svg([StyledLine("<script>&\"</text>")])

        #expect(svg.contains("&lt;script&gt;&amp;\"&lt;/text&gt;"))
        #expect(svg.components(separatedBy: "<text").count == 2)
        #expect(!svg.contains("<script"))
    }

    @Test func blanksAreNotDrawn() {
        #expect(!ScreenPicture.svg([StyledLine("   "), StyledLine("")]).contains("<text"))
    }
}
