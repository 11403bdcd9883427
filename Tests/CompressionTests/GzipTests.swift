import Testing

@testable import Compression

@Suite("Gzip") struct GzipTests {
    private func decoded(_ gzip: [UInt8], count: Int) throws -> [UInt8] {
        let decoder = ContentDecoder([.gzip], limit: 1 << 30)
        let bytes = try [UInt8](unsafeUninitializedCapacity: count + 1) { room, written in
            written = try gzip.withUnsafeBytes {
                try decoder.decode($0, into: UnsafeMutableRawBufferPointer(room)).written
            }
        }
        try decoder.finish()
        return bytes
    }

    @Test("what was encoded is the same when it is decoded", arguments: [0, 1, 100, 70_000])
    func roundTrip(count: Int) throws {
        for byte in [UInt8(7), nil] {
            var generator = SystemRandomNumberGenerator()
            let bytes = (0..<count).map { _ in byte ?? UInt8.random(in: .min ... .max, using: &generator) }
            for level: Int32 in [1, 4, 9] {
                let gzip = try #require(Gzip.encoded(bytes, level: level))
                #expect(try decoded(gzip, count: count) == bytes)
            }
        }
    }

    @Test("text gets smaller")
    func smaller() throws {
        let text = Array(String(repeating: "<td class=\"missing\">–</td>", count: 1000).utf8)
        #expect(try #require(Gzip.encoded(text, level: 4)).count < text.count / 50)
    }

    @Test(
        "a client takes it that names it or takes everything, unless it says that it does not",
        arguments: [
            ("gzip", true), ("gzip, deflate, br, zstd", true), ("br;q=1.0, GZIP;q=0.5", true), ("*", true),
            ("x-gzip", true), ("", false), ("br", false), ("identity", false), ("gzip;q=0", false),
            ("gzip; q=0.000, *", false), ("*;q=0", false), ("br, *;q=0.1", true), (";;,;", false), ("gzipped", false),
        ])
    func accepted(_ value: String, _ expected: Bool) {
        #expect(Gzip.isAccepted(value) == expected)
    }
}
