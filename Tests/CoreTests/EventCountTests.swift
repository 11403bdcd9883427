import Core
import Testing

/// How much of a stream has gone out.
@Suite struct EventCountTests {
    private func count(_ form: EventCount.Form, _ pieces: [String]) -> UInt64 {
        var count = EventCount()
        for piece in pieces { Array(piece.utf8).withUnsafeBytes { count.took($0) } }
        return count.count(form)
    }

    @Test func eventsAreCountedByTheirLines() {
        #expect(count(.data, []) == 0)
        #expect(count(.data, ["data: 1\n\n", "data: 2\n\ndata: 3\n\n"]) == 3)
        #expect(count(.data, ["data: 1\r\n\r\n"]) == 1)
        #expect(count(.jsonLines, ["{}\n{}\n", "{}"]) == 2)
    }

    @Test func whatOpensAStreamIsNoToken() {
        let event = "event: x\ndata: {}\n\n"
        #expect(count(.messages, [event]) == 0)
        #expect(count(.messages, Array(repeating: event, count: 5)) == 3)
        #expect(count(.responses, Array(repeating: event, count: 5)) == 1)
    }

    @Test func itIsTheSameHoweverTheStreamIsCut() {
        let bytes = Array(String(repeating: "data: {\"a\":\"bcdefghijklmnop\"}\n\n", count: 40).utf8)
        for size in [1, 2, 3, 15, 16, 17, 239, 240, 241, 1000, 5000] {
            let pieces = stride(from: 0, to: bytes.count, by: size).map {
                String(decoding: bytes[$0..<min(bytes.count, $0 + size)], as: UTF8.self)
            }
            #expect(count(.data, pieces) == 40)
        }
    }
}
