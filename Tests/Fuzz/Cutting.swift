import Core

/// The ways in which a stream is cut into pieces. Which they are follows from the bytes, so that a failing input fails again.
enum Cutting {
    /// Longer inputs are not cut into single bytes.
    private static let bytewise = 2048

    static func ways(_ bytes: [UInt8]) -> [[ArraySlice<UInt8>]] {
        var random = SeededRandom(seed: hash(bytes))
        var ways = [[bytes[...]], pieces(of: bytes, upTo: 7, &random), pieces(of: bytes, upTo: 300, &random)]
        if bytes.count <= bytewise { ways.append(bytes.indices.map { bytes[$0...$0] }) }
        return ways
    }

    private static func pieces(
        of bytes: [UInt8], upTo size: Int, _ random: inout SeededRandom
    ) -> [ArraySlice<UInt8>] {
        var rest = bytes[...]
        var pieces: [ArraySlice<UInt8>] = []
        while !rest.isEmpty {
            pieces.append(rest.prefix(Int.random(in: 0...size, using: &random)))
            rest = rest.dropFirst(pieces.last?.count ?? 0)
        }
        return pieces
    }

    /// FNV-1a.
    static func hash(_ bytes: [UInt8]) -> UInt64 {
        bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
    }
}

/// Runs a parser over each way of cutting the bytes.
/// - Parameter run: gives all that is to be seen of it.
/// - Returns: what it gives for the bytes in one piece.
@discardableResult
func sameHoweverCut<Outcome: Equatable>(
    _ bytes: [UInt8], _ what: String, _ run: ([ArraySlice<UInt8>]) -> Outcome
) throws(Broken) -> Outcome {
    let whole = run([bytes[...]])
    for pieces in Cutting.ways(bytes).dropFirst() {
        let outcome = run(pieces)
        guard outcome == whole else {
            throw Broken(
                "\(what) depends on how the bytes are cut: \(whole) in one piece, \(outcome) in \(pieces.count)")
        }
    }
    return whole
}

/// Lends bytes in memory of exactly their length, so that AddressSanitizer sees whoever reads beyond it.
func withExact<Result, Failure: Error>(
    _ bytes: some Collection<UInt8>, _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
) throws(Failure) -> Result {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer { memory.deallocate() }
    memory.copyBytes(from: bytes)
    return try body(UnsafeRawBufferPointer(memory))
}

func text(_ bytes: some Collection<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
