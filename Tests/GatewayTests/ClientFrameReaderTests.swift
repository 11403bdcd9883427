import NIOCore
import Testing

@testable import Gateway

@Suite struct ClientFrameReaderTests {
    private typealias Frame = ClientFrameReader.Frame
    private typealias Breach = ClientFrameReader.Breach

    /// A masked frame. - Parameter first: its first byte.
    private static func frame(_ first: UInt8, _ payload: [UInt8] = [], key: [UInt8] = [1, 2, 3, 4]) -> [UInt8] {
        var bytes = [first]
        switch payload.count {
        case ..<126: bytes.append(0x80 | UInt8(payload.count))
        case ..<65536: bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xFF)]
        default: bytes += [0x80 | 127] + (0..<8).reversed().map { UInt8(payload.count >> ($0 * 8) & 0xFF) }
        }
        return bytes + key + payload.enumerated().map { $1 ^ key[$0 % 4] }
    }

    /// All frames of bytes that come in pieces of a size.
    private static func read(_ bytes: [UInt8], by size: Int = .max) throws(Breach) -> [Frame] {
        var reader = ClientFrameReader()
        var frames: [Frame] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            var piece = ByteBuffer(bytes: rest.prefix(size))
            rest = rest.dropFirst(size)
            while let frame = try reader.next(&piece) { frames.append(frame) }
        }
        return frames
    }

    @Test(arguments: [1, 2, 3, 7, 1000]) func controlFramesAreGivenWhateverWayTheyAreCut(_ size: Int) throws {
        let bytes =
            Self.frame(0x89, Array("hello".utf8)) + Self.frame(0x01, Array("ab".utf8)) + Self.frame(0x8A)
            + Self.frame(0x80, [UInt8](repeating: 7, count: 300)) + Self.frame(0x82, [])
            + Self.frame(0x88, [0x03, 0xE8])

        let frames = try Self.read(bytes, by: size)

        #expect(frames.dropFirst() == [.pong, .close(code: 1000)])
        guard case .ping(let data)? = frames.first else {
            Issue.record("the ping was not given")
            return
        }
        #expect(data.unmasked == ByteBuffer(string: "hello"))
    }

    @Test func aCloseFrameMayLackACode() throws {
        #expect(try Self.read(Self.frame(0x88)) == [.close(code: nil)])
    }

    @Test(
        arguments: [
            ("not masked", [0x81, 0x02, 0x68, 0x69]), ("a ping that is not masked", [0x89, 0x00]),
            ("a reserved bit", [0xC1]), ("another", [0xA1]), ("the third", [0x91]), ("an unknown opcode", [0x83]),
            ("an unknown control opcode", [0x8B]), ("a fragment of a control frame", [0x09]),
            ("a long ping", [0x89, 0xFE]), ("a continuation of nothing", [0x80]),
            ("HTTP", Array("GET / HTTP/1.1".utf8)),
            ("a length in more bytes than it needs", [0x82, 0xFE, 0x00, 0x05]),
            ("a length in eight", [0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]),
            ("a close frame of one byte", [0x88, 0x81, 1, 2, 3, 4, 5]),
        ] as [(String, [UInt8])]) func aBreachShowsAtItsFirstByte(_ what: String, _ bytes: [UInt8])
    {
        #expect(throws: Breach.protocolError) { try Self.read(bytes, by: 1) }
    }

    @Test func aMessageInsideAMessageIsABreach() {
        #expect(throws: Breach.protocolError) { try Self.read(Self.frame(0x01, [1]) + Self.frame(0x81, [1])) }
    }

    @Test func aControlFrameInsideAMessageIsNone() throws {
        let bytes = Self.frame(0x01, [1]) + Self.frame(0x8A) + Self.frame(0x00, [2]) + Self.frame(0x80, [3])
        #expect(try Self.read(bytes + Self.frame(0x81)) == [.pong])
    }

    @Test(
        arguments: [
            (999, false), (1000, true), (1003, true), (1004, false), (1005, false), (1006, false), (1007, true),
            (1014, true),
            (1015, false), (1016, false), (2999, false), (3000, true), (4999, true), (5000, false), (0, false),
        ] as [(UInt16, Bool)]) func someCloseCodesMayNotBeSent(_ code: UInt16, _ may: Bool)
    {
        let bytes = Self.frame(0x88, [UInt8(code >> 8), UInt8(code & 0xFF)])
        if may {
            #expect(throws: Never.self) { try Self.read(bytes) }
        } else {
            #expect(throws: Breach.protocolError) { try Self.read(bytes) }
        }
    }

    @Test func aReasonThatIsNotUTF8IsABreach() {
        #expect(throws: Breach.notUTF8) { try Self.read(Self.frame(0x88, [0x03, 0xE8, 0xFF])) }
    }

    @Test func aFrameBeyondTheLimitIsRefusedBeforeItComes() {
        let length = ClientFrameReader.maximumFrame + 1
        #expect(throws: Breach.tooBig) { try Self.read([0x82, 0xFE, UInt8(length >> 8), UInt8(length & 0xFF)]) }
        #expect(throws: Breach.tooBig) { try Self.read([0x82, 0xFF, 0x7F, 255, 255, 255, 255, 255, 255, 255]) }
    }

    @Test func survivesRandomBytes() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            _ = try? Self.read((0..<64).map { _ in UInt8.random(in: 0...255, using: &random) }, by: 3)
        }
    }

    @Test(arguments: [1, 2, 3, 1000]) func aTextIsUTF8HoweverItIsCut(_ size: Int) throws {
        let text = Array("é漢😀".utf8)
        let parts =
            Self.frame(0x01, Array(text[..<4])) + Self.frame(0x89) + Self.frame(0x00)
            + Self.frame(0x80, Array(text[4...]))
        #expect(try Self.read(parts, by: size).count == 1)
        #expect(try Self.read(Self.frame(0x82, [0xFF, 0xC0]) + Self.frame(0x81, text), by: size).isEmpty)
    }

    @Test(
        arguments: [
            [0xFF], [0x80], [0xC0, 0x80], [0xC1, 0xBF], [0xE0, 0x9F, 0xBF], [0xED, 0xA0, 0x80],
            [0xF0, 0x8F, 0xBF, 0xBF],
            [0xF4, 0x90, 0x80, 0x80], [0xF5], [0xC3, 0x28], [0xC3], [0xE2, 0x82], [0xF0, 0x9F, 0x98],
        ] as [[UInt8]]) func aTextThatIsNoneIsABreach(_ bytes: [UInt8])
    {
        #expect(throws: Breach.notUTF8) { try Self.read(Self.frame(0x81, [0x61] + bytes)) }
        #expect(throws: Breach.notUTF8) { try Self.read(Self.frame(0x01, bytes) + Self.frame(0x80), by: 1) }
    }

    @Test func aTextFailsWithTheByteThatShowsIt() {
        let bytes = Self.frame(0x81, [0x61, 0xFF, 0x61, 0x61])
        #expect(throws: Breach.notUTF8) { try Self.read(Array(bytes.prefix(bytes.count - 2)), by: 1) }
    }
}
