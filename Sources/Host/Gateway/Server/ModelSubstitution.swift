import JSON
import NIOCore

/// Replaces the name of the model in a request's body; every other byte stays.
enum ModelSubstitution {
    /// - Parameter span: of the value, quotes included, counted from the body's start.
    static func replace(_ span: Range<Int>, by model: String, in body: ByteBuffer) -> ByteBuffer {
        var writer = JSONWriter()
        writer.string(model)
        var result = ByteBuffer()
        result.reserveCapacity(body.readableBytes + writer.bytes.count)
        let start = body.readerIndex
        if var head = body.getSlice(at: start, length: span.lowerBound) { result.writeBuffer(&head) }
        result.writeBytes(writer.bytes)
        let rest = body.readableBytes - span.upperBound
        if var tail = body.getSlice(at: start + span.upperBound, length: rest) { result.writeBuffer(&tail) }
        return result
    }
}
