import Testing

@testable import EventStream

private typealias Event = EventStreamReader.Event

/// The events of a stream that comes in the pieces given; nil: one of them was too large.
private func events(_ pieces: [[UInt8]], limit: Int = 1000) -> [Event]? {
    var reader = EventStreamReader(limit: limit)
    var events: [Event] = []
    do {
        for piece in pieces { events += try piece.withUnsafeBytes { try reader.feed($0) } }
        events += try reader.finish()
    } catch {
        return nil
    }
    return events
}

private func event(_ data: String, name: String = "message", lastID: String = "") -> Event {
    Event(name: name, data: Array(data.utf8), lastID: lastID)
}

/// https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream, and what real servers do beside it.
@Suite struct EventStreamTests {
    private static let streams: [(String, [Event])] = [
        ("data: one\n\ndata: two\n\n", [event("one"), event("two")]),
        ("data: one\r\n\r\ndata: two\r\n\r\n", [event("one"), event("two")]),
        ("data: one\r\rdata: two\r\r", [event("one"), event("two")]),
        ("data: one\r\n\rdata: two\n\r\n", [event("one"), event("two")]),
        ("\u{FEFF}data: é😀\n\n", [event("é😀")]),
        ("data: a\n\n\u{FEFF}data: b\n\n", [event("a")]),
        (": a comment\n\n:\n\ndata: x\n: between\ndata: y\n\n", [event("x\ny")]),
        ("data: YHOO\ndata: +2\ndata: 10\n\n", [event("YHOO\n+2\n10")]),
        ("data\n\ndata\ndata\n\ndata:", [event(""), event("\n"), event("")]),
        ("data:test\n\ndata: test\n\ndata:  test\n\n", [event("test"), event("test"), event(" test")]),
        ("event: ping\ndata: {}\n\ndata: {}\n\n", [event("{}", name: "ping"), event("{}")]),
        ("event: ping\n\ndata: x\n\n", [event("x")]),
        ("event\ndata: x\n\n", [event("x")]),
        (
            "id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\nid: 2\u{0}\ndata: d\n\n",
            [event("a", lastID: "1"), event("b", lastID: "1"), event("c"), event("d")]
        ),
        ("retry: 10\nfoo: bar\ndata : no\nDATA: no\n data: no\ndata: yes\n\n", [event("yes")]),
        ("data: a:b: c\n\n", [event("a:b: c")]),
        ("data: no empty line", [event("no empty line")]),
        ("data: no empty line\n", [event("no empty line")]),
        ("data: no empty line\r", [event("no empty line")]),
        ("", []), ("\n\r\n\r", []), (":", []), ("\u{FEFF}", []), ("data", [event("")]),
    ]

    @Test(arguments: streams.indices)
    func eventsAreTheSameWhereverTheBytesAreCut(_ index: Int) {
        let (stream, expected) = Self.streams[index]
        let bytes = Array(stream.utf8)
        for cut in 0...bytes.count {
            #expect(events([Array(bytes[..<cut]), [], Array(bytes[cut...])]) == expected, "cut at \(cut)")
        }
        for size in 1...4 {
            let pieces = stride(from: 0, to: bytes.count, by: size).map {
                Array(bytes[$0..<min($0 + size, bytes.count)])
            }
            #expect(events(pieces) == expected, "pieces of \(size)")
        }
    }

    @Test(arguments: ["data: 0123456789", "data: 01234\ndata: 56789", "event: 0123456789", ": 012345678901234"])
    func anEventBeyondTheLimitIsRefusedHoweverItComes(_ stream: String) {
        let bytes = Array((stream + "\n\n").utf8)
        #expect(events([bytes], limit: 10) == nil)
        #expect(events(bytes.map { [$0] }, limit: 10) == nil)
    }

    @Test func anEventOfTooManyLinesIsRefused() {
        let line = Array("data\n".utf8)
        #expect(events([[UInt8]](repeating: line, count: 10_000), limit: 100_000)?.count == 1)
        #expect(events([[UInt8]](repeating: line, count: 10_001), limit: 100_000) == nil)
    }

    @Test func linesAreGivenInPlaceWithWhereTheyEnd() throws {
        let bytes = Array("data: one\r\n\ndata: tw".utf8)
        var lines = EventStreamLines()
        var found: [String] = []
        var ends: [Int] = []
        try bytes.withUnsafeBytes { piece in
            try lines.feed(piece) { line, next in
                found.append("\(line.kind) \(String(decoding: line.value, as: UTF8.self))")
                ends.append(next)
                let isInPlace =
                    line.text.isEmpty || (line.text.baseAddress.map { (piece.baseAddress ?? $0) <= $0 } ?? false)
                #expect(isInPlace)
                return true
            }
        }
        #expect(found == ["data one", "end "] && ends == [11, 12])
    }

    @Test func readingStopsWhenItIsTold() throws {
        var lines = EventStreamLines()
        var count = 0
        try Array("data: a\ndata: b\ndata: c\n".utf8).withUnsafeBytes { piece in
            try lines.feed(piece) { _, _ in
                count += 1
                return count < 2
            }
        }
        #expect(count == 2)
    }

    @Test func aFieldThatTheFormatDoesNotKnowIsFoundByItsName() {
        func value(_ text: String) -> String? {
            Array(text.utf8).withUnsafeBytes { bytes in
                EventStreamLine(bytes).value(ofField: "error").map { String(decoding: $0, as: UTF8.self) }
            }
        }
        #expect(value("error: {}") == "{}" && value("error:{}") == "{}" && value("error:") == "")
        #expect(value("error") == nil && value("errors: {}") == nil && value("data: error:") == nil)
    }

    @Test(arguments: ["", "x", "{\"a\": 1}", "two\nlines", "\n", "a\r\nb\rc\n"])
    func whatIsWrittenIsReadAgain(_ text: String) {
        let lines = text.replacing("\r\n", with: "\n").replacing("\r", with: "\n")
        #expect(events([EventText.event(Array(text.utf8))]) == [event(lines)])
        #expect(events([EventText.event(Array(text.utf8), name: "x")]) == [event(lines, name: "x")])
    }
}
