import Compression
import Core

extension FuzzTarget {
    /// A body with content codings: the first byte says which, by their number or for their text.
    static let coding = FuzzTarget("coding") { bytes throws(Broken) in
        _ = Gzip.isAccepted(text(bytes))
        _ = try? ContentCoding.list(text(bytes))
        guard let first = bytes.first else { return }
        let known = ContentCoding.known
        guard !known.isEmpty else { return }
        // Digits, so that inputs can be read: 0 to 3 is one coding, above that two.
        let number = Int(first & 0x0F)
        let codings =
            number < known.count ? [known[number]] : [known[number % known.count], known[number / 4 % known.count]]
        let body = Array(bytes.dropFirst())
        try sameHoweverCut(body, "the decoded body") { DecodedBody.run($0, codings) }
        guard let encoded = Gzip.encoded(body, level: 1) else { return }
        try require(
            DecodedBody.run([encoded[...]], [.gzip]) == DecodedBody(count: body.count, hash: Cutting.hash(body)),
            "what was encoded is decoded to something else")
    }

    /// `traceparent` on the first line, `tracestate` on the others.
    static let trace = FuzzTarget("trace") { bytes throws(Broken) in
        let lines = text(bytes).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if let parent = TraceParent(lines[0]) {
            let written = parent.text
            try require(
                TraceParent(written) == parent && written.utf8.count == 55, "\(parent) is written as \(written)")
        }
        let passed = TraceState.passed(Array(lines.dropFirst()))
        guard let passed else { return }
        try require(
            passed.utf8.count <= TraceState.limit && !passed.isEmpty, "\(passed.utf8.count) bytes are passed on")
        try require(passed.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "what is passed on cannot be sent")
        try require(TraceState.passed([passed]) == passed, "what was passed on is not passed on again")
    }
}

/// What comes out of a decoder, up to a limit.
struct DecodedBody: Equatable {
    private static let limit = 1 << 20

    var count = 0
    var hash: UInt64 = Cutting.hash([])
    var problem: DecodingProblem?

    static func run(_ pieces: [ArraySlice<UInt8>], _ codings: [ContentCoding]) -> DecodedBody {
        let decoder = ContentDecoder(codings, limit: limit)
        var body = DecodedBody()
        var hash = body.hash
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4096, alignment: 1)
        defer { room.deallocate() }
        do throws(DecodingProblem) {
            for piece in pieces {
                try withExact(piece) { raw throws(DecodingProblem) in
                    var rest = raw
                    repeat {
                        let (read, written) = try decoder.decode(rest, into: room)
                        rest = UnsafeRawBufferPointer(rebasing: rest[read...])
                        body.count += written
                        for byte in room[..<written] { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
                    } while (!rest.isEmpty || !decoder.isDrained) && body.count < limit
                }
                // A body that is too large for whoever asks is given up.
                if body.count >= limit { return DecodedBody(count: limit, hash: 0) }
            }
            try decoder.finish()
        } catch {
            // How much came before it depends on the pieces, and of two codings which one sees that it is broken.
            return DecodedBody(problem: codings.count == 1 ? error : .tooLarge)
        }
        body.hash = hash
        return body
    }
}
