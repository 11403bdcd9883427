import EventStream
import Testing

/// Characters that a server puts half into one event and half into the next.
@Suite struct SplitCharactersTests {
    private func joined(_ events: [[UInt8]]) -> [[UInt8]] {
        var characters = SplitCharacters()
        return events.map { event in event.withUnsafeBytes { characters.joined($0) } ?? event }
    }

    private func event(_ text: some Sequence<UInt8>) -> [UInt8] {
        Array(#"{"content":""#.utf8) + text + Array(#""}"#.utf8)
    }

    @Test(arguments: ["é", "€", "😀"], [0, 1, 2])
    func aCharacterOfUTF8IsPutTogetherWhereverItIsCut(_ character: String, _ before: Int) {
        let bytes = Array(character.utf8)
        let text = Array("ab".utf8.prefix(before))
        for cut in 1..<bytes.count {
            let events = joined([event(text + bytes[..<cut]), event(bytes[cut...] + text)])
            #expect(events == [event(text), event(bytes + text)])
        }
        let each = joined(bytes.map { event([$0]) })
        #expect(each == bytes.dropLast().map { _ in event([]) } + [event(bytes)])
    }

    @Test func theHalvesOfAnEscapedCharacterArePutTogether() {
        let events = joined([event(#"a\ud83d"#.utf8), event("".utf8), event(#"\uDE00b"#.utf8)])
        #expect(events == [event("a".utf8), event("".utf8), event(#"\ud83d\uDE00b"#.utf8)])
    }

    @Test(arguments: [
        "plain", "é😀", #"\ud83d\ude00"#, #"\\ud83d"#, #"\n\"\\"#, #"\ude00"#, #"\ud83d!"#, "", #"\u00e9"#,
    ])
    func whatIsNotCutStaysAsItIs(_ text: String) {
        #expect(joined([event(text.utf8), event(text.utf8)]) == [event(text.utf8), event(text.utf8)])
    }

    @Test func anEndWithoutABeginBecomesAMark() {
        #expect(joined([event([0x98, 0x80, 0x61])]) == [event([0xEF, 0xBF, 0xBD, 0x61])])
        #expect(joined([event([0xF0, 0x9F]), event([0x98, 0x61])]) == [event([]), event([0xEF, 0xBF, 0xBD, 0x61])])
    }

    @Test func theOtherHalfIsNotWaitedForWithoutAnEnd() {
        var characters = SplitCharacters()
        let plain = event("a".utf8)
        _ = event(#"\ud83d"#.utf8).withUnsafeBytes { characters.joined($0) }
        let waitsAtFirst = characters.isWaiting
        for _ in 0..<16 { _ = plain.withUnsafeBytes { characters.joined($0) } }
        let waitsAtLast = characters.isWaiting
        #expect(waitsAtFirst && !waitsAtLast)
    }

    @Test(arguments: [
        (#"{"a":"\ud83d"}"#, true), (#"{"a":"\uDE00"}"#, true), (#"{"a":"\n\u00e9 d"}"#, false),
        (#"{"a":"\\ud83d"}"#, false),
        ("", false), (#"\ud"#, false),
    ])
    func anEscapeOfAHalfIsSeen(_ text: String, _ isSeen: Bool) {
        #expect(Array(text.utf8).withUnsafeBytes { SplitCharacters.mayHoldHalf($0) } == isSeen)
    }

    @Test(arguments: [#"{"a":"#, #"""#, #"{"a":"\"#, #"{"a":"\ud83d"#, "\u{FF}"])
    func whatIsNoJSONIsNoTrap(_ text: String) {
        #expect(joined([Array(text.utf8), [0xF0, 0x22, 0x80, 0x22, 0xF0]]).count == 2)
    }
}
