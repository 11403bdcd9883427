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
    /// What follows the colon; one space after it does not belong to the value. Of `.other`, the whole line.
    public let value: UnsafeRawBufferPointer
    /// The line as it came, without its end.
    public let text: UnsafeRawBufferPointer

    /// - Parameter line: without its end, and without a byte order mark.
    public init(_ line: UnsafeRawBufferPointer) {
        text = line
        // Nearly every line is of these two kinds.
        if line.isEmpty {
            kind = .end
            value = line
        } else if Self.starts(line, "data:") {
            kind = .data
            value = Self.value(line, after: 5)
        } else {
            (kind, value) = Self.rest(line)
        }
    }

    private static func rest(_ line: UnsafeRawBufferPointer) -> (Kind, UnsafeRawBufferPointer) {
        if starts(line, ":") { return (.comment, value(line, after: 1)) }
        if starts(line, "event:") { return (.event, value(line, after: 6)) }
        if starts(line, "id:") { return (.id, value(line, after: 3)) }
        if starts(line, "retry:") { return (.retry, value(line, after: 6)) }
        // A name alone is a field without a value.
        let nothing = UnsafeRawBufferPointer(rebasing: line[line.endIndex...])
        if line.elementsEqual("data".utf8) { return (.data, nothing) }
        if line.elementsEqual("event".utf8) { return (.event, nothing) }
        if line.elementsEqual("id".utf8) { return (.id, nothing) }
        if line.elementsEqual("retry".utf8) { return (.retry, nothing) }
        return (.other, line)
    }

    /// The value of a field that the format does not know; nil: the line is not that field.
    public func value(ofField name: StaticString) -> UnsafeRawBufferPointer? {
        let length = name.utf8CodeUnitCount
        guard Self.starts(text, name), text.count > length, text[length] == UInt8(ascii: ":") else { return nil }
        return Self.value(text, after: length + 1)
    }

    private static func value(_ line: UnsafeRawBufferPointer, after length: Int) -> UnsafeRawBufferPointer {
        let start = line.count > length && line[length] == 0x20 ? length + 1 : length
        return UnsafeRawBufferPointer(rebasing: line[start...])
    }

    static func starts(_ line: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
        guard let base = line.baseAddress, line.count >= text.utf8CodeUnitCount else { return false }
        return memcmp(base, text.utf8Start, text.utf8CodeUnitCount) == 0
    }
}
