import Shims

/// Takes one coding off. Invariant: `decoder` is freed with the stage and used by nobody else; `buffer` has
/// `bufferSize` bytes, of which `waiting` hold input.
final class CodingStage {
    static let bufferSize = 16 * 1024

    private let coding: ContentCoding
    private var decoder: OpaquePointer?
    /// Room for what the stage before gives; nil for the first.
    let buffer: UnsafeMutableRawBufferPointer?
    /// Bytes of `buffer` that were not read yet.
    var waiting = 0..<0
    /// It filled all the room it had, so there may be more.
    var mayHold = false
    /// What has come is whole; nothing at all is too: servers answer so, and clients ask so.
    private(set) var isWhole = true
    /// Bytes it gave.
    private(set) var given = 0

    init(_ coding: ContentCoding, isFirst: Bool) {
        self.coding = coding
        buffer = isFirst ? nil : .allocate(byteCount: Self.bufferSize, alignment: 16)
    }

    deinit {
        nexus_decoder_free(decoder)
        buffer?.deallocate()
    }

    /// Reads from the front of `input` and writes to `out`, as much as there is and fits.
    func run(
        _ input: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer
    ) throws(DecodingProblem) -> (read: Int, written: Int) {
        guard let decoder = started(by: input.first) else {
            if input.isEmpty { return (0, 0) }
            throw .broken(coding)
        }
        var (read, written) = (input.count, out.count)
        let state = nexus_decoder_run(
            decoder, input.baseAddress?.assumingMemoryBound(to: UInt8.self), &read,
            out.baseAddress?.assumingMemoryBound(to: UInt8.self), &written)
        switch state {
        case NEXUS_DECODING_WHOLE: isWhole = true
        case NEXUS_DECODING_INSIDE: isWhole = false
        case NEXUS_DECODING_TRAILING: throw .trailing(coding)
        default: throw .broken(coding)
        }
        // Neither read nor written though there was input and room: it would go on so for ever.
        if read == 0, written == 0, !input.isEmpty, !out.isEmpty { throw .broken(coding) }
        mayHold = written == out.count
        given += written
        return (read, written)
    }

    /// What the name `deflate` stands for shows in the first byte: zlib's says the method, 8, and a window of at most 32 KiB (RFC
    /// 1950, section 2.2); some send the bare format, whose first byte would be so only with padding that nobody writes.
    private func started(by first: UInt8?) -> OpaquePointer? {
        if let decoder { return decoder }
        guard let first else { return nil }
        let isBare = coding == .deflate && (first & 0x0F != 8 || first >> 4 > 7)
        decoder = nexus_decoder_new(isBare ? NEXUS_CODING_RAW_DEFLATE : coding.library)
        return decoder
    }

    func finish() throws(DecodingProblem) { if !isWhole { throw .truncated(coding) } }
}
