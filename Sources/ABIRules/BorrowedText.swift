import PluginAPI

/// Reads text that the other side lends. Bytes that are not UTF-8 are repaired, NULL and absurd lengths are empty,
/// and no more than `limit` bytes are looked at.
public enum BorrowedText {
    public static func string(_ text: nexus_str, limit: Int) -> String {
        bytes(text).map { String(decoding: $0.prefix(limit), as: UTF8.self) } ?? ""
    }

    /// One line for people: like `string`, with control characters replaced by spaces.
    public static func line(_ text: nexus_str, limit: Int) -> String {
        let text = string(text, limit: limit)
        guard text.utf8.contains(where: TextRules.isControl) else { return text }
        return String(String.UnicodeScalarView(text.unicodeScalars.map { TextRules.isControl($0.value) ? " " : $0 }))
    }

    /// Nil for length without data or a length that no memory has.
    @inlinable
    public static func bytes(_ text: nexus_str) -> UnsafeRawBufferPointer? {
        guard text.len > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        guard let start = text.ptr, text.len <= Int.max >> 1 else { return nil }
        return UnsafeRawBufferPointer(start: start, count: text.len)
    }
}

/// Lends a Swift string to C for the duration of `body`.
@inlinable
public func withBorrowed<Result>(_ text: String, _ body: (nexus_str) -> Result) -> Result {
    var text = text
    return text.withUTF8 { bytes in
        bytes.withMemoryRebound(to: CChar.self) { body(nexus_str(ptr: $0.baseAddress, len: $0.count)) }
    }
}

/// Lends three strings at once.
@inlinable
public func withBorrowed<Result>(
    _ first: String, _ second: String, _ third: String, _ body: (nexus_str, nexus_str, nexus_str) -> Result
) -> Result {
    withBorrowed(first) { first in
        withBorrowed(second) { second in withBorrowed(third) { body(first, second, $0) } }
    }
}

/// Lends a list of strings.
public func withBorrowed<Result>(
    _ texts: [String], _ body: (UnsafeBufferPointer<nexus_str>) -> Result
) -> Result {
    let bytes = texts.flatMap { Array($0.utf8) }
    return bytes.withUnsafeBytes { all in
        var borrowed: [nexus_str] = []
        var start = 0
        for text in texts {
            let part = UnsafeRawBufferPointer(rebasing: all[start..<start + text.utf8.count])
            borrowed.append(nexus_str(ptr: part.assumingMemoryBound(to: CChar.self).baseAddress, len: part.count))
            start += part.count
        }
        return borrowed.withUnsafeBufferPointer(body)
    }
}

/// Lends header fields; without any the list is empty and costs nothing.
public func withBorrowed<Result>(
    _ fields: [PassedField], _ body: (UnsafeBufferPointer<nexus_header>) -> Result
) -> Result {
    guard !fields.isEmpty else { return body(UnsafeBufferPointer(start: nil, count: 0)) }
    let size = fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    return withUnsafeTemporaryAllocation(byteCount: size, alignment: 1) { bytes in
        withUnsafeTemporaryAllocation(of: nexus_header.self, capacity: fields.count) { headers in
            // Invariant: each text is written once, one behind the other, and all of them are as long as was counted.
            var rest = UnsafeMutableRawBufferPointer(rebasing: bytes[...])
            func lend(_ text: String) -> nexus_str {
                var text = text
                let part = text.withUTF8 { text in
                    rest.copyMemory(from: UnsafeRawBufferPointer(text))
                    return UnsafeRawBufferPointer(rebasing: rest[..<text.count])
                }
                rest = UnsafeMutableRawBufferPointer(rebasing: rest[part.count...])
                return nexus_str(ptr: part.assumingMemoryBound(to: CChar.self).baseAddress, len: part.count)
            }
            for (index, field) in fields.enumerated() {
                let (name, value) = (lend(field.name), lend(field.value))
                headers.initializeElement(at: index, to: nexus_header(name: name, value: value))
            }
            return body(UnsafeBufferPointer(headers))
        }
    }
}
