import JSON
import NIOCore

/// Replaces the name of the model in a request's body; every other byte stays.
enum ModelSubstitution {
    /// - Parameters:
    ///   - span: of the value, in JSON quotes included, counted from the body's start.
    ///   - isJSON: false: the value of a form's field.
    static func replace(
        _ span: Range<Int>, by model: String, in body: ByteBuffer, isJSON: Bool = true
    ) -> ByteBuffer {
        var writer = JSONWriter()
        writer.string(model)
        let value = isJSON ? writer.bytes : Array(model.utf8)
        var result = ByteBuffer()
        result.reserveCapacity(body.readableBytes + value.count)
        let start = body.readerIndex
        if var head = body.getSlice(at: start, length: span.lowerBound) { result.writeBuffer(&head) }
        result.writeBytes(value)
        let rest = body.readableBytes - span.upperBound
        if var tail = body.getSlice(at: start + span.upperBound, length: rest) { result.writeBuffer(&tail) }
        return result
    }
}
