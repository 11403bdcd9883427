import PluginAPI

/// What names and other short texts may hold.
public enum TextRules {
    @inlinable public static func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }
    @inlinable public static func isControl(_ scalar: UInt32) -> Bool { scalar < 0x20 || scalar == 0x7F }

    /// `[a-z][a-z0-9_-]{0,63}`
    public static func isType(_ text: String) -> Bool { isName(text, limit: ABILimits.type, others: "_-") }

    /// `[a-z][a-z0-9_]{0,63}`
    public static func isActionName(_ text: String) -> Bool { isName(text, limit: ABILimits.actionName, others: "_") }

    private static func isName(_ text: String, limit: Int, others: StaticString) -> Bool {
        guard let first = text.utf8.first, isLetter(first), text.utf8.count <= limit else { return false }
        let others = UnsafeBufferPointer(start: others.utf8Start, count: others.utf8CodeUnitCount)
        return text.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || others.contains($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }

    /// A text that is kept as it is: UTF-8, within its limit. Nil: nothing is wrong.
    /// - Parameter name: what it is, for people.
    public static func problem(_ bytes: some Collection<UInt8>, _ name: String, limit: Int) -> String? {
        if String(validating: bytes, as: UTF8.self) == nil { return "\(name) is not UTF-8" }
        return bytes.count > limit ? "\(name) has \(bytes.count) bytes, at most \(limit) are kept" : nil
    }
}
