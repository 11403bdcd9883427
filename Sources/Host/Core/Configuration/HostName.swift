/// Names of hosts as they stand in a URL, without scheme and port.
public enum HostName {
    /// Labels of letters, digits, hyphens and underscores, of at most 63 bytes each and 253 in all (RFC 1035, section 2.3.4; some
    /// networks use underscores as well).
    public static func isValid(_ name: some StringProtocol) -> Bool {
        name.utf8.count <= 253
            && name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
                !label.isEmpty && label.count <= 63
                    && label.allSatisfy { byte in
                        switch byte {
                        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
                        default: false
                        }
                    }
            }
    }

    /// A name, "*." and a name for all below it, or "*" for all.
    public static func isPattern(_ text: String) -> Bool {
        text == "*" || isValid(text.hasPrefix("*.") ? text.dropFirst(2) : Substring(text))
    }
}
