import EventStream
import Testing

/// Thinking inside of an answer's text.
@Suite struct InlineThinkingTests {
    private func split(_ pieces: [String], _ mode: InlineThinking.Mode = .tags) -> InlineThinking.Parts {
        var thinking = InlineThinking(mode)
        var all = InlineThinking.Parts()
        for piece in pieces {
            let parts = thinking.feed(piece)
            all.thought += parts.thought
            all.text += parts.text
        }
        let rest = thinking.finish()
        return InlineThinking.Parts(thought: all.thought + rest.thought, text: all.text + rest.text)
    }

    static let answers: [(String, InlineThinking.Mode, String, String)] = [
        ("<think>a</think>b", .tags, "a", "b"),
        ("\n <think>\na\n</think>\n\nb\n", .tags, "a\n", "b\n"),
        ("<think></think>b", .tags, "", "b"),
        ("<think>a", .tags, "a", ""),
        ("<think>a</thi", .tags, "a</thi", ""),
        ("<think>a < b</ think></think>", .tags, "a < b</ think>", ""),
        ("<think>é😀</think>😀", .tags, "é😀", "😀"),
        ("<think>a</think>b<think>c</think>", .tags, "a", "b<think>c</think>"),
        ("A tag is <think>.", .tags, "", "A tag is <think>."),
        ("<thinner>", .tags, "", "<thinner>"),
        ("<thin", .tags, "", "<thin"),
        (" \n", .tags, "", " \n"),
        ("", .tags, "", ""),
        ("a</think>b", .tags, "", "a</think>b"),
        ("a</think>b", .begun, "a", "b"),
        ("<think>a</think>b", .begun, "a", "b"),
        ("all of it", .begun, "all of it", ""),
    ]

    @Test(arguments: answers)
    func thinkingAndTextAreToldApartWhereverTheyAreCut(
        _ answer: String, _ mode: InlineThinking.Mode, _ thought: String, _ text: String
    ) {
        let expected = InlineThinking.Parts(thought: thought, text: text)
        let characters = Array(answer)
        for cut in 0...characters.count {
            #expect(split([String(characters[..<cut]), String(characters[cut...])], mode) == expected, "cut at \(cut)")
        }
        #expect(split(characters.map(String.init), mode) == expected)
    }

    @Test(arguments: [InlineThinking.Mode.tags, .begun])
    func spaceWithoutEndIsNotHeldBackWithoutEnd(_ mode: InlineThinking.Mode) {
        var thinking = InlineThinking(mode)
        var sent = InlineThinking.Parts()
        for _ in 0..<5000 {
            let parts = thinking.feed("\n")
            sent.text += parts.text
            sent.thought += parts.thought
        }
        let last = thinking.feed("x")
        sent.text += last.text
        sent.thought += last.thought + thinking.finish().thought
        #expect((sent.text + sent.thought).hasSuffix("x"))
        #expect(mode == .begun || sent.text.utf8.count == 5001)
    }

    @Test func nothingIsHeldBackThatCanBeSent() {
        var thinking = InlineThinking(.tags)
        let first = thinking.feed("<think>a <")
        let second = thinking.feed("b")
        let third = thinking.feed("</think>c")
        #expect(first.thought == "a " && second.thought == "<b" && third == InlineThinking.Parts(text: "c"))
        #expect(thinking.isSettled)
    }
}
