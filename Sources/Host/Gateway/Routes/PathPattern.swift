/// A path with places for values: `/v1/backends/{id}/actions`. The last place may take the rest of the path: `{id...}`.
struct PathPattern: Sendable, Equatable {
    private enum Part: Sendable, Equatable {
        case text(Substring)
        /// Any text without a slash, percent-decoded.
        case value
        /// What is left, slashes included, percent-decoded.
        case rest
    }

    let text: String
    private let parts: [Part]

    init(_ text: String) {
        self.text = text
        parts = text.split(separator: "/", omittingEmptySubsequences: false).map { part in
            guard part.hasPrefix("{") else { return .text(part) }
            return part.hasSuffix("...}") ? .rest : .value
        }
    }

    /// What its places are called.
    var names: [String] {
        text.split(separator: "/").filter { $0.hasPrefix("{") }.map { $0.filter { !"{}.".contains($0) } }
    }

    /// As OpenAPI writes it, which knows no place for the rest of a path: what is put there is percent-encoded.
    var openAPIPath: String { text.replacing("...}", with: "}") }

    /// It has no places for values.
    var isExact: Bool { !parts.contains { if case .text = $0 { false } else { true } } }

    /// The values in the path's places; nil if it does not fit, or a value is malformed or empty.
    func match(_ path: String) -> [String]? {
        var values: [String] = []
        var rest = path[...]
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            if part == .rest {
                guard let value = PercentCoding.decoded(rest) else { return nil }
                values.append(value)
                return values
            }
            let end = rest.firstIndex(of: "/") ?? rest.endIndex
            guard (end == rest.endIndex) == isLast else { return nil }
            let given = rest[..<end]
            switch part {
            case .text(let text): guard given == text else { return nil }
            case .value:
                guard let value = PercentCoding.decoded(given) else { return nil }
                values.append(value)
            case .rest: break
            }
            if !isLast { rest = rest[rest.index(after: end)...] }
        }
        return values
    }
}

/// Percent-encoding of paths (RFC 3986, section 2.1).
enum PercentCoding {
    /// Nil if an escape is malformed or the result is empty or not UTF-8.
    static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(hex), let low = rest.popFirst().flatMap(hex) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes.isEmpty ? nil : String(validating: bytes, as: UTF8.self)
    }

    private static func hex(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init)
    }
}
