import HTTP1
import NIOCore

/// Collects one request's body.
struct BodyReader {
    private var framing: RequestHead.BodyFraming
    private let limit: BodyLimit
    private var collected = ByteBuffer()
    private var decoder = ChunkedDecoder()

    init(_ framing: RequestHead.BodyFraming, limit: BodyLimit) {
        self.framing = framing
        self.limit = limit
    }

    /// Bytes that it takes in memory: all of them where they are known beforehand, else those that have come.
    var size: Int { if case .length(let length) = framing { length } else { collected.readableBytes } }

    /// The whole body once it is there; nil: more bytes are needed. Consumes what belongs to it.
    /// - Throws: `ErrorBody` beyond the limit, `HTTPParseError` for bad chunks.
    mutating func read(_ bytes: inout ByteBuffer) throws -> ByteBuffer? {
        switch framing {
        case .none: return ByteBuffer()
        case .length(let length):
            if collected.readableBytes == 0, let whole = bytes.readSlice(length: length) { return whole }
            if collected.readableBytes == 0 { collected.reserveCapacity(length) }
            if var part = bytes.readSlice(length: min(bytes.readableBytes, length - collected.readableBytes)) {
                collected.writeBuffer(&part)
            }
            return collected.readableBytes == length ? collected : nil
        case .chunked:
            while bytes.readableBytes > 0, !decoder.isDone {
                let (consumed, data) = try bytes.withUnsafeReadableBytes { try decoder.next($0) }
                guard collected.readableBytes + data.count <= limit.bytes else { throw limit.error }
                if var slice = bytes.getSlice(at: bytes.readerIndex + data.lowerBound, length: data.count) {
                    collected.writeBuffer(&slice)
                }
                bytes.moveReaderIndex(forwardBy: consumed)
                // A chunk that is announced too large need not come first.
                guard decoder.left <= limit.bytes - collected.readableBytes else { throw limit.error }
            }
            return decoder.isDone ? collected : nil
        }
    }
}
