/// Watches a unary answer: tells an error inside a success from an answer, and finds the token counts. The answer itself is
/// not parsed; of a long one only the end is kept, where servers put `usage`.
struct UnaryWatcher {
    /// Bytes kept. Answers up to this are kept whole.
    static let keep = 16 * 1024

    /// The last bytes of the answer, at most `keep`; all of it when nothing was dropped.
    private(set) var bytes: [UInt8] = []
    private var held: [[UInt8]] = []
    private(set) var looksLikeError = false
    private(set) var isEmpty = true

    mutating func feed(_ piece: UnsafeRawBufferPointer) {
        guard !piece.isEmpty else { return }
        if isEmpty {
            isEmpty = false
            looksLikeError = Self.startsWithError(piece)
        } else if looksLikeError, bytes.count + piece.count > Self.keep {
            // Too long for an error message: an answer after all.
            looksLikeError = false
            held = [bytes]
        }
        if bytes.count + piece.count > Self.keep {
            let tail = piece.suffix(Self.keep)
            bytes.removeFirst(min(bytes.count, bytes.count + tail.count - Self.keep))
            bytes.append(contentsOf: tail)
        } else {
            bytes.append(contentsOf: piece)
        }
    }

    /// What was held back as a possible error and turned out to be an answer.
    mutating func takeHeld() -> [[UInt8]] {
        defer { held = [] }
        if looksLikeError {
            looksLikeError = false
            return [bytes]
        }
        return held
    }

    var usage: TokenUsage { bytes.withUnsafeBytes { UsageScan.last(in: $0) } }

    /// Whether the answer is an object whose first member is "error" or "object":"error".
    private static func startsWithError(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var compact: [UInt8] = []
        for byte in bytes.prefix(64) where byte > 0x20 {
            compact.append(byte)
            if compact.count == 17 { break }
        }
        return compact.starts(with: #"{"error""#.utf8) || compact.starts(with: #"{"object":"error""#.utf8)
    }
}
