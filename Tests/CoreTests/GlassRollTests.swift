import JSON
import NIOCore
import Testing

@testable import Core

/// What is kept for those that watch an exchange.
@Suite struct GlassRollTests {
    private func message(_ text: String) -> ByteBuffer { ByteBuffer(string: text) }
    private func texts(_ read: (skipped: UInt64, messages: [ByteBuffer])) -> [String] {
        read.messages.map { String(buffer: $0) }
    }

    @Test func eachReadsFromWhereItBegan() {
        var roll = GlassRoll()
        var early = roll.end
        roll.append(message("a"), characters: 1)
        var late = roll.end
        roll.append(message("b"), characters: 1)
        #expect(texts(roll.read(&early, limit: 100)) == ["a", "b"])
        #expect(texts(roll.read(&late, limit: 100)) == ["b"])
        #expect(roll.read(&early, limit: 100).messages.isEmpty && early == roll.end)
    }

    @Test func aReadIsBoundedAndTheRestFollows() {
        var roll = GlassRoll()
        var cursor = roll.end
        for text in ["aaaa", "bbbb", "cccccccccccc"] { roll.append(message(text), characters: 4) }
        #expect(texts(roll.read(&cursor, limit: 8)) == ["aaaa", "bbbb"])
        #expect(texts(roll.read(&cursor, limit: 8)) == ["cccccccccccc"], "one always")
        #expect(cursor == roll.end)
    }

    @Test func whoIsTooFarBehindIsToldWhatItLacks() {
        var roll = GlassRoll(limit: 10)
        var cursor = roll.end
        for text in ["aaaa", "bbbb", "cccc", "dddd"] { roll.append(message(text), characters: 3) }
        let read = roll.read(&cursor, limit: 100)
        #expect(read.skipped == 6 && texts(read) == ["cccc", "dddd"])
        #expect(roll.read(&cursor, limit: 100).skipped == 0)
        #expect(roll.characters == 12)
    }

    @Test func theNewestStaysHoweverLargeItIs() {
        var roll = GlassRoll(limit: 2)
        var cursor = roll.end
        roll.append(message("aaaa"), characters: 4)
        #expect(texts(roll.read(&cursor, limit: 100)) == ["aaaa"])
    }

    // MARK: Messages

    private let key = ActiveExchange.Key(loop: 1, number: 17)

    @Test func textThatIsLongComesInMessagesWithinTheLimit() throws {
        let text = String(repeating: "\u{1}\u{2028}é😀", count: 3000)
        var (back, position) = ("", 0)
        for (message, characters) in UpdateEncoder.exchangeText(key, kind: "answer", text: text, position: 0) {
            #expect(message.count <= UpdateEncoder.messageLimit)
            let data = try #require(JSONValue.parse(message)["data"])
            #expect(data["position"]?.int == Int64(position) && data["exchange"]?.string == "1-17")
            let piece = try #require(data["text"]?.string)
            #expect(piece.unicodeScalars.count == characters)
            position += characters
            back += piece
        }
        #expect(back == text)
    }

    @Test func theEndSaysWhy() throws {
        let ended = try JSONValue.parse(UpdateEncoder.exchangeEnded(key, .ended(status: 499, message: "gone")))
        #expect(ended["update_type"]?.string == "ExchangeEnded" && ended["data"]?["reason"]?.string == "ended")
        #expect(ended["data"]?["status"]?.int == 499 && ended["data"]?["message"]?.string == "gone")
        let hidden = try JSONValue.parse(UpdateEncoder.exchangeEnded(key, .hidden))
        #expect(hidden["data"]?["reason"]?.string == "hidden" && hidden["data"]?["status"]?.isNull == true)
    }
}
