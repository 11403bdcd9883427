import PluginAPI

/// Which header fields pass through the host, as the header's lists say, and how many of them.
public struct PassedHeaders: Sendable {
    /// From a client to an adapter, which may pass them on.
    public static let ofClients = PassedHeaders(NEXUS_HEADERS_OF_CLIENTS, holdsCredentials: true)
    /// From an answer or a failure to the client.
    public static let ofServers = PassedHeaders(
        NEXUS_HEADERS_OF_SERVERS, renamed: ["x-request-id": "x-nexus-upstream-request-id"])

    private struct Pattern: Sendable {
        let name: [UInt8]
        let isPrefix: Bool
    }

    /// By the first byte of the name: most fields begin with none of these.
    private let patterns: [Pattern]
    private let first: UInt32
    private let shortest: Int
    /// What looks like a credential does not pass, whatever the list says of its first letters.
    private let holdsCredentials: Bool
    private let renamed: [String: String]

    init(_ list: String, holdsCredentials: Bool = false, renamed: [String: String] = [:]) {
        patterns = list.split(separator: " ").map { word in
            Pattern(name: Array(word.utf8.filter { $0 != UInt8(ascii: "*") }), isPrefix: word.hasSuffix("*"))
        }
        first = patterns.reduce(0) { $0 | Self.bit($1.name.first ?? 0) }
        shortest = patterns.map(\.name.count).min() ?? 0
        self.holdsCredentials = holdsCredentials
        self.renamed = renamed
    }

    /// Whether the name of a field that passes may begin so.
    public func mayStart(_ byte: UInt8) -> Bool { first & Self.bit(byte) != 0 }

    /// Whether a field of this name passes; in any case of letters.
    public func takes(_ name: UnsafeRawBufferPointer) -> Bool {
        guard let start = name.first, name.count >= shortest, first & Self.bit(start) != 0,
            let pattern = patterns.first(where: { Self.fits(name, $0) })
        else { return false }
        // A name that stands in the list as it is has been looked at.
        return !pattern.isPrefix || !holdsCredentials || !Self.namesCredential(name)
    }

    public func takes(_ name: String) -> Bool {
        var name = name
        return name.withUTF8 { takes(UnsafeRawBufferPointer($0)) }
    }

    /// One for each letter, in any case.
    private static func bit(_ byte: UInt8) -> UInt32 { 1 << UInt32(byte & 0x1F) }

    private static func fits(_ name: UnsafeRawBufferPointer, _ pattern: Pattern) -> Bool {
        guard pattern.isPrefix ? name.count > pattern.name.count : name.count == pattern.name.count else {
            return false
        }
        for (index, byte) in pattern.name.enumerated() where lowered(name[index]) != byte { return false }
        return true
    }

    private static let credentials = ["key", "secret", "auth", "cookie", "password"].map { Array($0.utf8) }

    private static func namesCredential(_ name: UnsafeRawBufferPointer) -> Bool {
        credentials.contains { word in
            guard word.count <= name.count else { return false }
            return (0...name.count - word.count).contains { start in
                word.indices.allSatisfy { lowered(name[start + $0]) == word[$0] }
            }
        }
    }

    private static func lowered(_ byte: UInt8) -> UInt8 { (0x41...0x5A).contains(byte) ? byte | 0x20 : byte }

    // MARK: Lists

    /// What passes of these, in their order: names in lower case, values without space around them. What is no valid
    /// field, and what exceeds a limit, does not.
    public func taken(_ fields: [PassedField]) -> [PassedField] {
        var taken = Taken()
        for field in fields.prefix(ABILimits.offeredHeaders) {
            guard takes(field.name) else { continue }
            add(field, to: &taken)
        }
        return taken.fields
    }

    /// What passes of a list that the other side lends. NULL is an empty one.
    public func taken(_ first: UnsafePointer<nexus_header>?, count: Int) -> [PassedField] {
        // The largest of C's lengths come as negative numbers.
        guard let first, count != 0 else { return [] }
        let count = count < 0 ? ABILimits.offeredHeaders : min(count, ABILimits.offeredHeaders)
        var taken = Taken()
        for index in 0..<count {
            guard let name = BorrowedText.bytes(first[index].name), takes(name),
                let value = BorrowedText.bytes(first[index].value)
            else { continue }
            add(name, value, to: &taken)
        }
        return taken.fields
    }

    private struct Taken {
        var fields: [PassedField] = []
        var bytes = 0
    }

    /// - Parameter field: one whose name passes.
    private func add(_ field: PassedField, to taken: inout Taken) {
        var (name, value) = (field.name, field.value)
        name.withUTF8 { name in
            value.withUTF8 { value in
                let (name, value) = (UnsafeRawBufferPointer(name), UnsafeRawBufferPointer(value))
                guard renamed.isEmpty, !value.isEmpty, name.allSatisfy({ Self.lowered($0) == $0 }),
                    Self.trimmed(value).count == value.count
                else { return add(name, value, to: &taken) }
                // As it is to be: nothing is made anew.
                guard isWithinLimits(name, value, taken) else { return }
                taken.bytes += name.count + value.count
                taken.fields.append(field)
            }
        }
    }

    private func isWithinLimits(
        _ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ taken: Taken
    ) -> Bool {
        FieldRules.isToken(name) && value.count <= ABILimits.passedBytes && FieldRules.isValue(value)
            && taken.fields.count < ABILimits.passedHeaders
            && taken.bytes + name.count + value.count <= ABILimits.passedBytes
    }

    /// - Parameter name: one that passes.
    private func add(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, to taken: inout Taken) {
        guard isWithinLimits(name, value, taken) else { return }
        let lower = String(decoding: name.map(Self.lowered), as: UTF8.self)
        let text = Self.trimmed(value)
        // A value that is no UTF-8 would come out as another.
        guard let value = String(validating: text, as: UTF8.self), !value.isEmpty else { return }
        taken.bytes += name.count + text.count
        taken.fields.append(PassedField(name: renamed[lower] ?? lower, value: value))
    }

    private static func trimmed(_ value: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer.SubSequence {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var part = value[...]
        while let last = part.last, isSpace(last) { part = part.dropLast() }
        return part.drop(while: isSpace)
    }
}
