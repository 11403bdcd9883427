import PluginAPI

/// A header field that passes through the host.
public struct PassedField: Sendable, Equatable, Hashable {
    public var name: String
    public var value: String

    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// What header fields may be (RFC 9110, sections 5.5 and 5.6.2).
public enum FieldRules {
    public static func isToken(_ bytes: UnsafeRawBufferPointer) -> Bool {
        !bytes.isEmpty && bytes.allSatisfy(isTokenByte)
    }

    public static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."),
            0x21, 0x23...0x27, 0x2A, 0x2B, 0x5E, 0x60, 0x7C, 0x7E:
            true
        default: false
        }
    }

    /// No control characters but the tab.
    public static func isValue(_ bytes: UnsafeRawBufferPointer) -> Bool {
        bytes.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }

    /// Fields of an HTTP request that are the host's to write.
    public static func isHosts(_ name: UnsafeRawBufferPointer) -> Bool {
        switch name.count {
        case 4: equals(name, "host")
        case 10: equals(name, "connection")
        case 14: equals(name, "content-length")
        case 17: equals(name, "transfer-encoding")
        default: false
        }
    }

    /// Compares names without case. Only for bytes of a token.
    @inlinable
    public static func equals(_ bytes: UnsafeRawBufferPointer, _ other: StaticString) -> Bool {
        guard bytes.count == other.utf8CodeUnitCount else { return false }
        for index in 0..<bytes.count where bytes[index] | 0x20 != other.utf8Start[index] | 0x20 { return false }
        return true
    }
}
