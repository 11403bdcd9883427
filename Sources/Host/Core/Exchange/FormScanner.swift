import Glibc

/// Looks into a form (RFC 7578, multipart/form-data) for the few fields that routing needs; files are passed over. The form
/// itself is passed on byte for byte.
public enum FormScanner {
    /// Bytes of a part's header fields.
    private static let headLimit = 4096

    /// Scans a whole body. `bytes` is borrowed for the call.
    /// - Parameter contentType: the value of the header field, with the boundary.
    /// - Returns: a peek whose `modelSpan` is the value of the field, without quotes.
    public static func scan(
        _ bytes: UnsafeRawBufferPointer, contentType: String
    ) throws(RequestPeekError) -> RequestPeek {
        guard let boundary = boundary(of: contentType) else { throw .form(reason: "its boundary is missing") }
        let mark = Array("--\(boundary)".utf8)
        var peek = RequestPeek()
        guard var position = find(mark, in: bytes, from: 0) else {
            throw .form(reason: "its boundary is not in the body")
        }
        while true {
            position += mark.count
            // The last boundary has two more dashes.
            if starts(bytes, at: position, with: "--") { break }
            guard let start = find(Array("\r\n".utf8), in: bytes, from: position).map({ $0 + 2 }),
                let next = find(Array("\r\n".utf8) + mark, in: bytes, from: max(position, start - 2))
            else { throw .form(reason: "a part has no end") }
            try part(bytes, start..<max(start, next), &peek)
            position = next + 2
        }
        guard !peek.model.isEmpty else { throw .modelMissing }
        return peek
    }

    /// Whether a content type is that of a form.
    public static func isForm(_ contentType: String) -> Bool {
        contentType.lowercased().hasPrefix("multipart/form-data")
    }

    private static func part(
        _ bytes: UnsafeRawBufferPointer, _ range: Range<Int>, _ peek: inout RequestPeek
    ) throws(RequestPeekError) {
        guard let end = find(Array("\r\n\r\n".utf8), in: bytes, from: range.lowerBound), end < range.upperBound,
            end - range.lowerBound <= headLimit
        else { throw .form(reason: "a part has no header fields") }
        let head = String(decoding: bytes[range.lowerBound..<end], as: UTF8.self)
        let value = end + 4..<max(end + 4, range.upperBound)
        switch name(in: head) {
        case "model":
            peek.modelSpan = value
            peek.model = String(decoding: bytes[value], as: UTF8.self)
        case "stream":
            peek.stream = ["true", "1"].contains(String(decoding: bytes[value].prefix(8), as: UTF8.self).lowercased())
            peek.streamIsGiven = true
        default: break
        }
    }

    /// The field's name in Content-Disposition.
    private static func name(in head: String) -> String? {
        for line in head.split(whereSeparator: \.isNewline) where line.lowercased().hasPrefix("content-disposition:") {
            return parameter("name", of: String(line))
        }
        return nil
    }

    private static func boundary(of contentType: String) -> String? {
        guard let boundary = parameter("boundary", of: contentType), (1...70).contains(boundary.utf8.count) else {
            return nil
        }
        return boundary
    }

    /// The value of a parameter, as a token or in quotes.
    private static func parameter(_ name: String, of text: String) -> String? {
        for piece in text.split(separator: ";").dropFirst() {
            let parts = piece.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, trimmed(parts[0]).lowercased() == name else { continue }
            let value = trimmed(parts[1])
            return value.count >= 2 && value.hasPrefix("\"") && value.hasSuffix("\"")
                ? String(value.dropFirst().dropLast()) : String(value)
        }
        return nil
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text
        while text.first == " " || text.first == "\t" { text.removeFirst() }
        while text.last == " " || text.last == "\t" { text.removeLast() }
        return text
    }

    // MARK: Bytes

    private static func starts(_ bytes: UnsafeRawBufferPointer, at position: Int, with text: String) -> Bool {
        bytes.count - position >= text.utf8.count
            && bytes[position..<position + text.utf8.count].elementsEqual(text.utf8)
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
