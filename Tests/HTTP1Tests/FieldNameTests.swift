import Testing

@testable import HTTP1

/// Names are read eight bytes at a time; whatever stands where in a word, the rule of RFC 9110, section 5.6.2 holds.
@Suite struct FieldNameTests {
    private func name(of head: [UInt8]) -> Int? {
        head.withUnsafeBufferPointer { bytes -> Int? in
            guard let base = bytes.baseAddress else { return nil }
            var scanner = FieldScanner(base: base, position: 0, end: bytes.count)
            return (try? scanner.next())?.name.count
        }
    }

    @Test(arguments: 0..<24) func everyByteIsJudgedTheSameAtEveryPlace(_ place: Int) {
        for byte in UInt8.min...UInt8.max {
            var head = Array("Content-Type-Of-A-Field-X: v\r\n\r\n".utf8)
            head[place] = byte

            let expected =
                byte == UInt8(ascii: ":") ? (place == 0 ? nil : place) : FieldScanner.isToken(byte) ? 25 : nil

            #expect(name(of: head) == expected, "byte \(byte) at \(place)")
        }
    }

    @Test(arguments: 1..<20) func aNameOfAnyLengthEndsAtItsColon(_ length: Int) {
        let head = Array((String(repeating: "n", count: length) + ":v\r\n\r\n").utf8)

        #expect(name(of: head) == length)
    }
}

@Suite struct HeadEndTests {
    private static func behindFirst(_ part: String, in text: String) -> Int? {
        let (bytes, part) = (Array(text.utf8), Array(part.utf8))
        return bytes.indices.first { bytes[$0...].starts(with: part) }.map { $0 + part.count }
    }

    @Test(arguments: ["\r\n\r\n", "a\r\n\r\nb", "a\rb\r\r\n\r\n", "\r\r\r\n\r\n", "\r\n\r\r\n\r\n"])
    func theFirstEmptyLineEndsAHead(_ text: String) throws {
        var finder = HeadEndFinder()
        let found = try Array(text.utf8).withUnsafeBytes { try finder.find($0) }

        #expect(found == Self.behindFirst("\r\n\r\n", in: text))
    }

    @Test(arguments: ["", "\r", "\r\n\r", "a\r\nb\r\n", "\r\r\r\r"])
    func withoutAnEmptyLineThereIsNoEnd(_ text: String) throws {
        var finder = HeadEndFinder()
        let found = try Array(text.utf8).withUnsafeBytes { try finder.find($0) }

        #expect(found == nil)
    }
}
