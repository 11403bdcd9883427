import Glibc

/// Looks into a form (RFC 7578, multipart/form-data) for the few fields that routing needs; files are passed over. The form
/// itself is passed on byte for byte, so whatever two readers could understand in different ways is refused.
public enum FormScanner {
    /// Bytes of a part's header fields.
    private static let headLimit = 4096
    /// Parts of a form. An edit of images has some twenty.
    private static let partLimit = 1000

    /// Scans a whole body. `bytes` is borrowed for the call.
    /// - Parameter contentType: the value of the header field, with the boundary.
    /// - Returns: a peek whose `modelSpan` is the value of the field, without quotes.
    public static func scan(
        _ bytes: UnsafeRawBufferPointer, contentType: String
    ) throws(RequestPeekError) -> RequestPeek {
        guard contentType.utf8.count <= headLimit, let boundary = try boundary(of: contentType) else {
            throw .form(reason: "its boundary is missing")
        }
        let mark = Array("--\(boundary)".utf8)
        let next = Array("\r\n".utf8) + mark
        var fields = Fields()
        var parts = 0
        // Nothing but an empty line may stand before the first boundary.
        var position = starts(bytes, at: 0, with: next) ? 2 : 0
        guard starts(bytes, at: position, with: mark) else { throw .form(reason: "its boundary is not in the body") }
        while true {
            position += mark.count
            // The last boundary has two more dashes.
            if starts(bytes, at: position, with: Array("--".utf8)) { break }
            while position < bytes.count, isSpace(bytes[position]) { position += 1 }
            guard starts(bytes, at: position, with: Array("\r\n".utf8)) else {
                throw .form(reason: "a boundary is not a line of its own, or a part has no end")
            }
            // Its line end may belong to the next boundary: then the part is empty.
            guard let end = find(next, in: bytes, from: position) else { throw .form(reason: "a part has no end") }
            parts += 1
            guard parts <= partLimit else { throw .form(reason: "it has more than \(partLimit) parts") }
            try part(bytes, position + 2..<max(position + 2, end), &fields)
            position = end + 2
        }
        guard bytes[(position + 2)...].allSatisfy({ isSpace($0) || $0 == 0x0D || $0 == 0x0A }) else {
            throw .form(reason: "something follows its end")
        }
        guard fields.hasModel else { throw .modelMissing }
        guard !fields.peek.model.isEmpty else { throw .modelNotString }
        return fields.peek
    }

    /// Whether a content type is that of a form.
    public static func isForm(_ contentType: String) -> Bool {
        contentType.lowercased().hasPrefix("multipart/form-data")
    }

    // MARK: Parts

    private struct Fields {
        var peek = RequestPeek()
        var hasModel = false
    }

    private static func part(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ fields: inout Fields
    ) throws(RequestPeekError) {
        let window = range.lowerBound..<min(range.upperBound, range.lowerBound + headLimit + 4)
        let lines = UnsafeRawBufferPointer(rebasing: bytes[window])
        guard let end = find(Array("\r\n\r\n".utf8), in: lines, from: 0) else {
            throw .form(reason: "a part has no header fields, or more than \(headLimit) bytes of them")
        }
        let head = try FormPartHead(UnsafeRawBufferPointer(rebasing: lines[..<end]))
        guard let field = try head.field(of: ["model", "stream"]) else { return }
        let value = range.lowerBound + end + 4..<range.upperBound
        if field == "model" {
            if fields.hasModel { throw .twice("model") }
            fields.hasModel = true
            guard value.count <= RequestPeek.maximumName else {
                let beginning = String(decoding: bytes[value].prefix(RequestPeek.maximumName), as: UTF8.self)
                throw .modelTooLong(beginning: EntryLimits.cut(beginning, to: EntryLimits.model))
            }
            fields.peek.modelSpan = value
            fields.peek.model = try text(bytes[value])
        } else {
            if fields.peek.streamIsGiven { throw .twice("stream") }
            fields.peek.streamIsGiven = true
            switch try text(bytes[value].prefix(8)).lowercased() {
            case "true", "1": fields.peek.stream = true
            case "false", "0", "": break
            default: throw .notBool("stream")
            }
        }
    }

    private static func text(_ bytes: Slice<UnsafeRawBufferPointer>) throws(RequestPeekError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .form(reason: "a field's value is not valid UTF-8")
        }
        return text
    }

    private static func boundary(of contentType: String) throws(RequestPeekError) -> String? {
        guard let value = FormParameters(Array(contentType.utf8))?.only("boundary") else { return nil }
        // RFC 2046, section 5.1.1.
        let isAllowed = value.utf8.allSatisfy { byte in
            byte &- 0x30 < 10 || (byte | 0x20) &- 0x61 < 26 || "'()+_,-./:=? ".utf8.contains(byte)
        }
        return isAllowed && (1...70).contains(value.utf8.count) && value.last != " " ? value : nil
    }

    // MARK: Bytes

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }

    private static func starts(_ bytes: UnsafeRawBufferPointer, at position: Int, with text: [UInt8]) -> Bool {
        guard let base = bytes.baseAddress, bytes.count - position >= text.count else { return false }
        return memcmp(base + position, text, text.count) == 0
    }

    private static func find(_ text: [UInt8], in bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
        guard let base = bytes.baseAddress, let first = text.first else { return nil }
        var position = start
        while bytes.count - position >= text.count,
            let hit = memchr(base + position, Int32(first), bytes.count - position - text.count + 1)
        {
            let found = UnsafeRawPointer(hit) - base
            if memcmp(hit, text, text.count) == 0 { return found }
            position = found + 1
        }
        return nil
    }
}
