/// Takes the chunked transfer coding off (RFC 9112, section 7.1), whatever way the bytes are cut.
public struct ChunkedDecoder: Sendable, Equatable {
    private enum Phase: Sendable, Equatable {
        case size, sizeEnd, extensions, sizeLineFeed, data, dataEnd, dataLineFeed
        /// At the start of a line of the trailer section.
        case trailer
        case trailerName, trailerValue, trailerLineFeed, lastLineFeed, done
    }

    private var phase = Phase.size
    private var remaining = 0
    private var digits = 0
    private var lineLength = 0
    private var trailerLength = 0

    public init() {}

    /// The last chunk and the trailer section have been read.
    public var isDone: Bool { phase == .done }

    /// Bytes of the chunk under way that are still to come.
    public var left: Int { phase == .data ? remaining : 0 }

    /// Reads bytes from the front of `bytes` until a piece of data is complete as far as it is there, or the input
    /// ends, or the body ends. Gives how many bytes were read, and where among them the data is (may be empty).
    public mutating func next(
        _ bytes: UnsafeRawBufferPointer
    ) throws(HTTPParseError) -> (consumed: Int, data: Range<Int>) {
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            switch phase {
            case .size:
                if let digit = Self.hexDigit(byte) {
                    digits += 1
                    guard digits <= 15 else { throw .badChunk }
                    remaining = remaining << 4 | digit
                    index += 1
                } else {
                    guard digits > 0 else { throw .badChunk }
                    phase = .sizeEnd
                }
            case .sizeEnd, .extensions:
                index += 1
                lineLength += 1
                guard lineLength <= HTTPLimits.chunkLine, byte == 0x0D || FieldScanner.isValue(byte) else {
                    throw .badChunk
                }
                // Space may stand before an extension, and nothing else: others could see another size.
                if phase == .sizeEnd, byte == UInt8(ascii: ";") { phase = .extensions }
                guard phase == .extensions || byte == 0x0D || byte == 0x20 || byte == 0x09 else { throw .badChunk }
                if byte == 0x0D { phase = .sizeLineFeed }
            case .sizeLineFeed:
                guard byte == 0x0A else { throw .badChunk }
                index += 1
                digits = 0
                lineLength = 0
                phase = remaining == 0 ? .trailer : .data
            case .data:
                let count = min(remaining, bytes.count - index)
                remaining -= count
                if remaining == 0 { phase = .dataEnd }
                return (index + count, index..<index + count)
            case .dataEnd:
                guard byte == 0x0D else { throw .badChunk }
                index += 1
                phase = .dataLineFeed
            case .dataLineFeed:
                guard byte == 0x0A else { throw .badChunk }
                index += 1
                phase = .size
            case .trailer, .trailerName, .trailerValue, .trailerLineFeed, .lastLineFeed:
                index += 1
                trailerLength += 1
                guard trailerLength <= HTTPLimits.trailer, let next = afterTrailer(byte) else { throw .badChunk }
                phase = next
                if phase == .done { return (index, index..<index) }
            case .done:
                return (index, index..<index)
            }
        }
        return (index, index..<index)
    }

    /// Where a byte of the trailer section leads; nil: it may not be there. Fields are checked as those of a head are, and
    /// then passed over: whoever reads them more loosely would see the next request begin elsewhere.
    private func afterTrailer(_ byte: UInt8) -> Phase? {
        switch phase {
        case .trailer: byte == 0x0D ? .lastLineFeed : FieldScanner.isToken(byte) ? .trailerName : nil
        case .trailerName:
            byte == UInt8(ascii: ":") ? .trailerValue : FieldScanner.isToken(byte) ? .trailerName : nil
        case .trailerValue: byte == 0x0D ? .trailerLineFeed : FieldScanner.isValue(byte) ? .trailerValue : nil
        case .trailerLineFeed: byte == 0x0A ? .trailer : nil
        case .lastLineFeed: byte == 0x0A ? .done : nil
        default: nil
        }
    }

    private static func hexDigit(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte) - 0x30
        case 0x41...0x46: Int(byte) - 0x41 + 10
        case 0x61...0x66: Int(byte) - 0x61 + 10
        default: nil
        }
    }
}
