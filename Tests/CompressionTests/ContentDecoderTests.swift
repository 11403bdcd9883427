import Foundation
import Testing

@testable import Compression

/// One text in every coding, and what is wrong with bodies.
enum Vectors {
    static let text =
        #"{"model":"m","messages":[{"role":"user","content":""# + String(repeating: "hello, hello, hello ", count: 12)
        + #"end"}]}"#

    static let gzip = bytes(
        "H4sIAAAAAAACA6tWys1PSc1RslLKVdJRyk0tLk5MTy1WsoquVirKz0kFipcWpxYBpZLz80pS80qAAhmpOTn5OgrIlMJwFkvNS1Gqja0FAO4ADH0qAQAA"
    )
    static let zlib = bytes(
        "eJyrVsrNT0nNUbJSylXSUcpNLS5OTE8tVrKKrlYqys9JBYqXFqcWAaWS8/NKUvNKgAIZqTk5+ToKyJTCcBZLzUtRqo2tBQBfDGau")
    static let raw = bytes(
        "q1bKzU9JzVGyUspV0lHKTS0uTkxPLVayiq5WKsrPSQWKlxanFgGlkvPzSlLzSoACGak5Ofk6CsiUwnAWS81LUaqNrQUA")
    static let brotli = bytes(
        "GykBUARqc6nK5Q/JVMfahAWZsCqCQ05A2/IL5JYGrsEGnMSDjuMy+26icIFYTnw1vzJwOhBHncKNzJJxi1nGO8we")
    static let zstd = bytes(
        "KLUv/WAqAE0DACIEDhWgpek1fFp8yWW0Jy3C8r9vH2f9FwZLWJfTMQjeFbCdTtNBYjJqBrZ7iFaBnS2GzJrJZvta0KwCFwAgA3AAZAAOgAzAAZABOAAyAAdABuAAyAAcABmAAyADcABkAA6ADGAeQMUVKA=="
    )
    static let gzipThenBrotli = bytes(
        "CyuAH4sIAAAAAAACA6tWys1PSc1RslLKVdJRyk0tLk5MTy1WsoquVirKz0kFipcWpxYBpZLz80pS80qAAhmpOTn5OgrIlMJwFkvNS1Gqja0FAO4ADH0qAQAAAw=="
    )
    static let zstdThenGzipThenBrotli = bytes(
        "C0GAH4sIAAAAAAACA9PYqv83QYvBl5lBiYVPdMHSl6Y1UTUnU7eo6x76tD9fPv2vOJt3xPTLhhz3RDfM9bvsmGSUxbatuiOsca5u25lZJ9N+R11YwyTOoMBcwJDCwNfAc4BxAqMFgxEDuwPbA4YTDDIMkg3McMkEOYejohoA5dY7cXMAAAAD"
    )
    /// 64 MiB of zeros in 102 bytes.
    static let brotliBomb = bytes(
        "y///PwAkAOKxQHLv//j//weABEAcFoDu/R////8AkACIwwLQvf/j//8fABIAcVgAuvd//P//A0ACIA4LQPf+j///fwBIAMRhAeje//H//w8ACYA4LADd+7/8//8DIAEQhwWge/8H"
    )

    /// Zeros in zstd, 128 KiB for 4 bytes: blocks that repeat one byte (RFC 8878, section 3.1.1.2.2).
    static func zstdZeros(blocks: Int) -> [UInt8] {
        var bytes: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x50]
        for index in 1...blocks {
            let header = (index == blocks ? 1 : 0) | 1 << 1 | (128 * 1024) << 3
            bytes += [UInt8(header & 0xFF), UInt8(header >> 8 & 0xFF), UInt8(header >> 16), 0]
        }
        return bytes
    }

    static let all: [([ContentCoding], [UInt8])] = [
        ([.gzip], gzip), ([.deflate], zlib), ([.deflate], raw), ([.brotli], brotli), ([.zstd], zstd),
        ([.gzip, .brotli], gzipThenBrotli), ([.zstd, .gzip, .brotli], zstdThenGzipThenBrotli),
        // Members and frames behind one another are one text.
        ([.gzip], gzip), ([.zstd], zstd),
    ]

    private static func bytes(_ base64: String) -> [UInt8] { Array(Data(base64Encoded: base64) ?? Data()) }
}

@Suite struct ContentDecoderTests {
    /// Decodes pieces one after another, with so much room for what comes out.
    private func decode(
        _ codings: [ContentCoding], _ pieces: [ArraySlice<UInt8>], room: Int = 1000, limit: Int = 1 << 20,
        most: Int = 1 << 20
    ) throws(DecodingProblem) -> [UInt8] {
        let decoder = ContentDecoder(codings, limit: limit)
        var text: [UInt8] = []
        var out = [UInt8](repeating: 0, count: room)
        for piece in pieces {
            var rest = piece
            while (!rest.isEmpty || !decoder.isDrained) && text.count < most {
                let done = try run(decoder, Array(rest), &out)
                rest = rest.dropFirst(done.read)
                text += out[..<done.written]
            }
        }
        if text.count < most { try decoder.finish() }
        return text
    }

    private func run(
        _ decoder: ContentDecoder, _ input: [UInt8], _ out: inout [UInt8]
    ) throws(DecodingProblem) -> (read: Int, written: Int) {
        let result = input.withUnsafeBytes { input in
            out.withUnsafeMutableBytes { out in
                Result { () throws(DecodingProblem) in try decoder.decode(input, into: out) }
            }
        }
        return try result.get()
    }

    private func problem(_ codings: [ContentCoding], _ bytes: [UInt8], limit: Int = 1 << 20) -> DecodingProblem? {
        do throws(DecodingProblem) {
            _ = try decode(codings, [bytes[...]], limit: limit)
            return nil
        } catch {
            return error
        }
    }

    @Test func thisMachineHasAllLibraries() {
        #expect(ContentCoding.known == [.gzip, .deflate, .brotli, .zstd])
        #expect(ContentCoding.knownNames == "gzip, deflate, br, zstd")
    }

    @Test(arguments: Vectors.all) func everyCodingGivesItsText(_ codings: [ContentCoding], _ bytes: [UInt8]) throws {
        for room in [1, 7, 298, 100_000] {
            #expect(try decode(codings, [bytes[...]], room: room) == Array(Vectors.text.utf8), "room for \(room)")
        }
    }

    @Test(arguments: Vectors.all) func aBodyMayBeCutAnywhere(_ codings: [ContentCoding], _ bytes: [UInt8]) throws {
        for place in 0...bytes.count {
            let text = try decode(codings, [bytes[..<place], bytes[place...]])
            #expect(text == Array(Vectors.text.utf8), "cut at \(place)")
        }
        let single = try decode(codings, bytes.indices.map { bytes[$0...$0] }, room: 3)
        #expect(single == Array(Vectors.text.utf8))
    }

    @Test(arguments: Vectors.all) func aBodyThatEndsTooEarlyIsNotWhole(_ codings: [ContentCoding], _ bytes: [UInt8]) {
        for count in 1..<bytes.count {
            guard case .truncated = problem(codings, Array(bytes.prefix(count))) else {
                Issue.record("\(count) of \(bytes.count) bytes")
                return
            }
        }
    }

    @Test(arguments: Vectors.all) func nothingMayFollowTheEnd(_ codings: [ContentCoding], _ bytes: [UInt8]) {
        let outer = codings[codings.count - 1]
        let found = problem(codings, bytes + Array("garbage".utf8))
        #expect(found == (outer == .gzip || outer == .zstd ? .broken(outer) : .trailing(outer)))
    }

    @Test(arguments: [ContentCoding.gzip, .zstd]) func membersBehindOneAnotherAreOneText(_ coding: ContentCoding) throws
    {
        let bytes = coding == .gzip ? Vectors.gzip : Vectors.zstd
        #expect(try decode([coding], [(bytes + bytes)[...]]) == Array((Vectors.text + Vectors.text).utf8))
        #expect(problem([coding], bytes + bytes.dropLast()) == .truncated(coding))
    }

    @Test(arguments: ContentCoding.allCases) func whatIsNoneOfTheCodingIsRefused(_ coding: ContentCoding) {
        #expect(problem([coding], Array(Vectors.text.utf8)) == .broken(coding))
    }

    /// Checksums and lengths are looked at.
    @Test func aBodyThatWasChangedIsRefused() {
        for (coding, bytes) in [(ContentCoding.gzip, Vectors.gzip), (.deflate, Vectors.zlib)] {
            var changed = bytes
            changed[bytes.count - 4] ^= 1
            #expect(problem([coding], changed) == .broken(coding))
        }
    }

    /// A client with nothing to say, and a server with no body.
    @Test(arguments: ContentCoding.allCases) func nothingIsNothing(_ coding: ContentCoding) throws {
        #expect(try decode([coding], []) == [])
    }

    @Test(
        arguments: [([.brotli], Vectors.brotliBomb), ([.zstd], Vectors.zstdZeros(blocks: 512))]
            as [([ContentCoding], [UInt8])])
    func aBombGivesNoMoreThanThereIsRoomFor(_ codings: [ContentCoding], _ bytes: [UInt8]) throws {
        let decoder = ContentDecoder(codings, limit: 1 << 20)
        var out = [UInt8](repeating: 1, count: 4096)
        let (read, written) = try run(decoder, bytes, &out)
        #expect(written == 4096 && read <= bytes.count && !decoder.isDrained)
        #expect(out.allSatisfy { $0 == 0 })
    }

    /// Decoded twice it comes to nothing; what lies between may be of any size.
    @Test func aBombBetweenTwoCodingsIsRefused() {
        #expect(problem([.gzip, .brotli], Vectors.brotliBomb) == .broken(.gzip))
        // Empty members of gzip, without an end: nothing ever comes out.
        #expect(problem([.gzip, .zstd], Self.emptyMembers, limit: 1 << 20) == .tooLarge)
    }

    @Test func oneCallDoesNoMoreThanItMayThoughNothingComesOut() throws {
        let decoder = ContentDecoder([.gzip, .zstd], limit: 1 << 30)
        var out = [UInt8](repeating: 0, count: 4096)
        let bytes = Self.emptyMembers
        let done = try run(decoder, bytes, &out)
        #expect(done.written == 0 && !decoder.isDrained)
        let second = try run(decoder, Array(bytes[done.read...]), &out)
        #expect(second.written == 0 && !decoder.isDrained)
    }

    /// 8 MiB of gzip's empty members, in zstd: a block of them, and as many that repeat it as are needed, is what an attacker would
    /// send; stored blocks do here.
    private static let emptyMembers: [UInt8] = {
        let member: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let block = Array(repeatElement(member, count: 5000).joined())
        var bytes: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, 0x50]
        for index in 1...84 {
            let header = (index == 84 ? 1 : 0) | block.count << 3
            bytes += [UInt8(header & 0xFF), UInt8(header >> 8 & 0xFF), UInt8(header >> 16)] + block
        }
        return bytes
    }()

    /// RFC 9659 allows 8 MiB.
    @Test func aWindowThatIsTooLargeIsRefused() throws {
        var bytes = Vectors.zstdZeros(blocks: 1)
        // 10 + 13 bits, and one more.
        bytes[5] = 13 << 3
        #expect(try decode([.zstd], [bytes[...]]).count == 128 * 1024)
        bytes[5] = 14 << 3
        #expect(problem([.zstd], bytes) == .broken(.zstd))
    }
}

@Suite struct ContentCodingTests {
    @Test(
        arguments: [
            ("gzip", [.gzip]), ("x-gzip", [.gzip]), ("GZIP", [.gzip]), ("deflate", [.deflate]), ("br", [.brotli]),
            ("zstd", [.zstd]), ("identity", []), ("", []), (" , ", []), ("UTF-8", []), ("none", []),
            ("gzip, br", [.gzip, .brotli]),
            ("gzip ,\tidentity,br, zstd", [.gzip, .brotli, .zstd]),
        ] as [(String, [ContentCoding])])
    func namesAreReadInTheOrderInWhichTheyWereApplied(_ text: String, _ codings: [ContentCoding]) throws {
        #expect(try ContentCoding.list(text) == codings)
    }

    @Test(arguments: [("compress", "compress"), ("gzip, LZ4", "lz4"), ("brotli", "brotli"), ("gzip;q=1", "gzip;q=1")])
    func othersAreNotKnown(_ text: String, _ name: String) {
        #expect(throws: ContentCoding.Refusal.unknown(name)) { try ContentCoding.list(text) }
    }

    @Test func thereAreNotMoreThanThree() {
        #expect(throws: ContentCoding.Refusal.tooMany) { try ContentCoding.list("gzip, gzip, gzip, gzip") }
    }
}
