import Testing

@testable import EventStream

@Suite struct LineDecoderTests {
    private func lines(_ pieces: [[UInt8]], limit: Int = 1000) throws -> [String] {
        var decoder = LineDecoder(limit: limit)
        var result: [String] = []
        for piece in pieces {
            try piece.withUnsafeBytes { bytes in
                try decoder.feed(bytes) { line, _ in
                    result.append(String(decoding: line, as: UTF8.self))
                    return true
                }
            }
        }
        decoder.finish { result.append(String(decoding: $0, as: UTF8.self)) }
        return result
    }

    @Test func linesAreTheSameWhereverTheBytesAreCut() throws {
        let bytes = Array("one\ntwo\r\nthree\r\r\nfünf\n\n\r\nlast".utf8)
        let expected = ["one", "two", "three", "", "fünf", "", "", "last"]
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let pieces = [Array(bytes[..<first]), Array(bytes[first..<second]), Array(bytes[second...])]
                #expect(try lines(pieces) == expected, "cuts at \(first) and \(second)")
            }
        }
    }

    @Test func aLineBeyondTheLimitIsAnErrorHoweverItComes() {
        let bytes = Array(repeating: UInt8(ascii: "x"), count: 11)

        #expect(throws: LineDecoder.TooLong.self) { try lines([bytes], limit: 10) }
        #expect(throws: LineDecoder.TooLong.self) { try lines(bytes.map { [$0] }, limit: 10) }
        #expect(throws: LineDecoder.TooLong.self) { try lines([bytes + [0x0A]], limit: 10) }
        #expect(throws: Never.self) { try lines([Array(bytes.dropLast())], limit: 10) }
    }
}

extension LineDecoderTests {
    @Test func manyLinesThatEndWithCarriageReturnsAloneAreReadInOnePass() throws {
        var lines = LineDecoder()
        var count = 0
        let bytes = [UInt8](repeating: 0x0D, count: 1024 * 1024)

        try bytes.withUnsafeBytes {
            try lines.feed($0) { _, _ in
                count += 1
                return true
            }
        }
        #expect(count == bytes.count)
    }
}
