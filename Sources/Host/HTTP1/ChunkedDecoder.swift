/// Takes the chunked transfer coding off (RFC 9112, section 7.1), whatever way the bytes are cut.
public struct ChunkedDecoder: Sendable, Equatable {
    private enum Phase: Sendable, Equatable {
        case size, extensions, sizeLineFeed, data, dataEnd, dataLineFeed, trailer, done
    }

    private var phase = Phase.size
    private var remaining = 0
    private var digits = 0
    private var lineLength = 0
    private var trailerLength = 0

    public init() {}

    /// The last chunk and the trailer section have been read.
    public var isDone: Bool { phase == .done }

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
                    phase = .extensions
                }
            case .extensions:
                index += 1
                lineLength += 1
                guard lineLength <= HTTPLimits.chunkLine, byte != 0x0A else { throw .badChunk }
                if lineLength == 1 {
                    guard byte == 0x0D || byte == UInt8(ascii: ";") || byte == 0x20 || byte == 0x09 else {
                        throw .badChunk
                    }
                }
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
            case .trailer:
                // Trailer fields are read over; an empty line ends them.
                index += 1
                trailerLength += 1
                guard trailerLength <= HTTPLimits.trailer else { throw .badChunk }
                if byte == 0x0A {
                    if lineLength == 0 {
                        phase = .done
                        return (index, index..<index)
                    }
                    lineLength = 0
                } else if byte != 0x0D {
                    lineLength += 1
                }
            case .done:
                return (index, index..<index)
            }
        }
        return (index, index..<index)
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
