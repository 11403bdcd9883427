import NIOCore
import Testing

@testable import Core

@Suite struct LineSeparatorsTests {
    private func escaped(_ pieces: [[UInt8]]) -> String {
        var separators = LineSeparators()
        var text = ByteBuffer()
        for piece in pieces {
            var piece = ByteBuffer(bytes: piece)
            separators.escape(&piece)
            text.writeBuffer(&piece)
        }
        var rest = separators.finish()
        text.writeBuffer(&rest)
        return String(buffer: text)
    }

    /// What each means is what it is escaped to.
    private static let all = "\u{0B}\u{0C}\u{1C}\u{1D}\u{1E}\u{1F}\u{85}\u{2028}\u{2029}"
    private static let allEscaped = #"\u000b\u000c\u001c\u001d\u001e\u001f\u0085\u2028\u2029"#

    @Test func everySeparatorIsEscaped() {
        #expect(escaped([Array("a\(Self.all)b".utf8)]) == "a\(Self.allEscaped)b")
    }

    @Test func whatOnlyLooksLikeOneIsLeft() {
        let text = "data: {\"a\":\"“q” … – ü © é \u{A0} \u{2027}\u{202A}\u{20A8} 日本 🙂\"}\r\n\t\n"
        #expect(escaped([Array(text.utf8)]) == text)
    }

    @Test func aStreamMayBeCutAnywhere() {
        let text = Array("x“\(Self.all)©\u{2028}".utf8)
        let expected = "x“\(Self.allEscaped)©\\u2028"
        for place in 0...text.count { #expect(escaped([Array(text[..<place]), Array(text[place...])]) == expected) }
        #expect(escaped(text.map { [$0] }) == expected)
    }

    @Test func inLongTextsEveryPlaceIsLookedAt() {
        for place in 0..<200 {
            let (before, after) = (String(repeating: "“", count: place), String(repeating: "y", count: 200 - place))
            #expect(escaped([Array((before + "\u{2028}" + after).utf8)]) == before + #"\u2028"# + after)
        }
    }

    @Test func whatBeganLikeOneIsSentAtTheEnd() {
        var separators = LineSeparators()
        var piece = ByteBuffer(bytes: [0x61, 0xE2, 0x80])
        separators.escape(&piece)
        #expect(Array(piece.readableBytesView) == [0x61])
        let rest = separators.finish()
        #expect(Array(rest.readableBytesView) == [0xE2, 0x80])
        let nothing = separators.finish()
        #expect(nothing.readableBytes == 0)
    }

    @Test(arguments: [
        (AnswerType.json, false), (.eventStream, true), (.jsonLines, true),
        (.other("text/event-stream; charset=utf-8"), true),
        (.other("application/X-NDJSON"), true), (.other("audio/mpeg"), false),
    ]) func onlyWhatIsReadLineByLineNeedsIt(_ type: AnswerType, _ expected: Bool) {
        #expect(type.isLines == expected)
    }
}

@Suite struct ByteOrderMarkTests {
    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

    private func text(_ pieces: [[UInt8]]) -> [UInt8] {
        var mark = ByteOrderMark()
        var text: [UInt8] = []
        for piece in pieces { text += mark.take(ByteBuffer(bytes: piece)).readableBytesView }
        return text + mark.finish().readableBytesView
    }

    @Test(
        arguments: [
            ([0xEF, 0xBB, 0xBF, 0x7B], [0x7B]), ([0xEF, 0xBB, 0xBF], []), ([], []), ([0x7B], [0x7B]),
            // Only one, and only at the start.
            ([0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF], mark), ([0x7B, 0xEF, 0xBB, 0xBF], [0x7B, 0xEF, 0xBB, 0xBF]),
            ([0xEF], [0xEF]), ([0xEF, 0xBB], [0xEF, 0xBB]), ([0xEF, 0xBB, 0x41], [0xEF, 0xBB, 0x41]),
            ([0xEF, 0xEF, 0xBB, 0xBF], [0xEF, 0xEF, 0xBB, 0xBF]),
        ] as [([UInt8], [UInt8])])
    func itIsTakenOffWhateverWayTheTextIsCut(_ given: [UInt8], _ expected: [UInt8]) {
        for place in 0...given.count { #expect(text([Array(given[..<place]), Array(given[place...])]) == expected) }
        #expect(text(given.map { [$0] }) == expected)
    }

    @Test func ofATextThatIsThereItIsSkipped() {
        var body = ByteBuffer(bytes: Self.mark + [0x7B])
        ByteOrderMark.skip(&body)
        ByteOrderMark.skip(&body)
        #expect(Array(body.readableBytesView) == [0x7B])
    }
}
