import Glibc

/// One line of an event stream, taken apart in place: which field it is, and its value.
///
/// https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
public struct EventStreamLine {
    public enum Kind: Sendable, Equatable {
        /// The empty line that ends an event.
        case end
        case data, event, id, retry
        /// Begins with a colon; servers send it to show that they are alive.
        case comment
        /// A field that the format does not know, or no field at all.
        case other
    }

    public let kind: Kind
    /// The line as it came, without its end.
    public let text: UnsafeRawBufferPointer
    private let valueStart: Int

    /// What follows the colon; one space after it does not belong to the value. Of `.other`, the whole line.
    public var value: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: text[valueStart...]) }

    /// - Parameter line: without its end, and without a byte order mark.
    @inline(__always)
    public init(_ line: UnsafeRawBufferPointer) {
        text = line
        // Nearly every line is of these two kinds.
        if line.isEmpty {
            kind = .end
            valueStart = 0
        } else if Self.starts(line, "data:") {
            kind = .data
            valueStart = Self.valueStart(line, after: 5)
        } else {
            (kind, valueStart) = Self.rest(line)
        }
    }

    private static func rest(_ line: UnsafeRawBufferPointer) -> (Kind, Int) {
        if starts(line, ":") { return (.comment, valueStart(line, after: 1)) }
        if starts(line, "event:") { return (.event, valueStart(line, after: 6)) }
        if starts(line, "id:") { return (.id, valueStart(line, after: 3)) }
        if starts(line, "retry:") { return (.retry, valueStart(line, after: 6)) }
        // A name alone is a field without a value.
        if line.elementsEqual("data".utf8) { return (.data, line.count) }
        if line.elementsEqual("event".utf8) { return (.event, line.count) }
        if line.elementsEqual("id".utf8) { return (.id, line.count) }
        if line.elementsEqual("retry".utf8) { return (.retry, line.count) }
        return (.other, 0)
    }

    /// The value of a field that the format does not know; nil: the line is not that field.
    public func value(ofField name: StaticString) -> UnsafeRawBufferPointer? {
        let length = name.utf8CodeUnitCount
        guard Self.starts(text, name), text.count > length, text[length] == UInt8(ascii: ":") else { return nil }
        return UnsafeRawBufferPointer(rebasing: text[Self.valueStart(text, after: length + 1)...])
    }

    private static func valueStart(_ line: UnsafeRawBufferPointer, after length: Int) -> Int {
        line.count > length && line[length] == 0x20 ? length + 1 : length
    }

    static func starts(_ line: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard let base = line.baseAddress, line.count >= text.utf8CodeUnitCount else { return false }
        return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
    }
}
