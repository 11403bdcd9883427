import Core
import Testing

/// Where something may be put into a stream.
@Suite struct EventBoundaryTests {
    private func isBetween(_ pieces: [String]) -> Bool {
        var boundary = EventBoundary()
        for piece in pieces { Array(piece.utf8).withUnsafeBytes { boundary.took($0) } }
        return boundary.isBetweenEvents
    }

    private static let between = [
        "", "data: 1\n\n", "data: 1\r\n\r\n", "data: 1\r\r", "data: 1\n\r\n", "data: 1\r\n\n", "\n\n",
    ]
    private static let inside = [
        "d", "data: 1", "data: 1\n", "data: 1\r\n", "data: 1\r", "data: 1\n\nd", "data: 1\n\n:",
        "data: 1\r\n\r\ndata: 2\r\n",
    ]

    @Test(arguments: between)
    func anEmptyLineEndsAnEvent(_ stream: String) { #expect(isBetween([stream])) }

    @Test(arguments: inside)
    func aLineUnderWayOrALineEndAloneDoesNot(_ stream: String) { #expect(!isBetween([stream])) }

    @Test(arguments: between + inside)
    func itIsTheSameHoweverTheStreamIsCut(_ stream: String) {
        let bytes = Array(stream.utf8)
        for cut in 0...bytes.count {
            let pieces = [bytes[..<cut], bytes[cut...]].map { String(decoding: $0, as: UTF8.self) }
            #expect(isBetween(pieces) == isBetween([stream]))
        }
        #expect(isBetween(bytes.map { String(UnicodeScalar($0)) }) == isBetween([stream]))
    }
}
