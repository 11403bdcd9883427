/// What else is to be hidden with a secret: the parts of it that are secrets of their own, and its encodings.
enum SecretForms {
    /// The secret itself; of "Bearer X" also X; of "Basic X" also the user and password behind X and the password alone; of
    /// "name=value; ..." also the values.
    static func parts(_ secret: String) -> [[UInt8]] {
        var parts = [Array(secret.utf8)]
        let words = secret.utf8.split(separator: 0x20, maxSplits: 1)
        if words.count == 2, let scheme = String(words[0])?.lowercased(), schemes.contains(scheme) {
            let rest = Array(words[1])
            parts.append(rest)
            if scheme == "basic", let decoded = decoded(rest) {
                parts.append(decoded)
                if let colon = decoded.firstIndex(of: UInt8(ascii: ":")) {
                    parts.append(Array(decoded[(colon + 1)...]))
                }
            }
        }
        for pair in secret.utf8.split(separator: UInt8(ascii: ";")) {
            guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let value = pair[pair.index(after: equals)...]
            if value.count >= shortestValue { parts.append(Array(value)) }
        }
        return parts
    }

    /// Of Authorization (RFC 9110, section 11.1), and what is put in their place.
    private static let schemes: Set<String> = ["basic", "bearer", "token", "apikey", "api-key", "key", "negotiate"]
    private static let shortestValue = 8

    // MARK: Base64 (RFC 4648)

    private static let standard = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let forAddresses = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)
    /// What is shorter leaves too little of itself within a longer encoding.
    private static let shortestWithin = 8

    /// The encodings of a secret in both alphabets, without padding; also what is always there of it when it stands within
    /// something longer ("user:" and the secret), which has three forms.
    static func base64(_ secret: [UInt8]) -> [[UInt8]] {
        [standard, forAddresses].flatMap { alphabet in
            var forms = [encoded(secret, alphabet)]
            if secret.count >= shortestWithin {
                forms += (0..<3).map { before in
                    let all = encoded([UInt8](repeating: 0, count: before) + secret, alphabet)
                    return Array(all[(before * 8 + 5) / 6..<(before + secret.count) * 8 / 6])
                }
            }
            return forms
        }
    }

    private static func encoded(_ bytes: [UInt8], _ alphabet: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var (buffer, count) = (0, 0)
        for byte in bytes {
            buffer = (buffer << 8 | Int(byte)) & 0xFFFF
            count += 8
            while count >= 6 {
                count -= 6
                result.append(alphabet[buffer >> count & 63])
            }
        }
        if count > 0 { result.append(alphabet[buffer << (6 - count) & 63]) }
        return result
    }

    /// Nil if it is no base64.
    private static func decoded(_ text: [UInt8]) -> [UInt8]? {
        var result: [UInt8] = []
        var (buffer, count) = (0, 0)
        for byte in text {
            if byte == UInt8(ascii: "=") { break }
            guard let value = standard.firstIndex(of: byte) ?? forAddresses.firstIndex(of: byte) else { return nil }
            buffer = (buffer << 6 | value) & 0xFFFF
            count += 6
            if count >= 8 {
                count -= 8
                result.append(UInt8(buffer >> count & 0xFF))
            }
        }
        return result
    }

    static func isBase64(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || "+/-_".utf8.contains(byte)
    }
}
