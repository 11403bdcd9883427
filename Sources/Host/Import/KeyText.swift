/// How keys stand in files of other gateways.
enum KeyText: Equatable, Sendable {
    /// A variable of the environment holds it.
    case variable(String)
    /// It stands there itself.
    case secret(String)
    /// It is one of the words that people write where a program wants a key and a server wants none.
    case filler

    init(_ text: String) {
        for prefix in ["os.environ/", "env:", "env."] where text.hasPrefix(prefix) {
            self = Self.named(String(text.dropFirst(prefix.count)), in: text)
            return
        }
        if text.hasPrefix("${"), text.hasSuffix("}") {
            let inner = text.dropFirst(2).dropLast()
            self = Self.named(String(inner.hasPrefix("env.") ? inner.dropFirst(4) : inner), in: text)
        } else if text.hasPrefix("$"), Self.isVariable(text.dropFirst()) {
            self = .variable(String(text.dropFirst()))
        } else {
            self = Self.fillers.contains(text.lowercased()) ? .filler : .secret(text)
        }
    }

    private static let fillers: Set<String> = [
        "", "none", "null", "empty", "fake", "fake-key", "dummy", "dummy-key", "na", "n/a", "x", "no-key", "nokey",
        "not-needed",
        "not-used", "unused", "sk-no-key-required", "no-key-required", "ollama", "lm-studio", "lmstudio", "local",
    ]

    private static func named(_ name: String, in text: String) -> KeyText {
        isVariable(name[...]) ? .variable(name) : .secret(text)
    }

    /// POSIX, Base Definitions, section 8.1, and small letters.
    static func isVariable(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, text.utf8.count <= 128, !(0x30...0x39).contains(first) else { return false }
        return text.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x5F
        }
    }

    /// Whether what stands under this name may be a secret: of a header, an option, a variable.
    static func soundsSecret(_ name: String) -> Bool {
        let name = name.lowercased()
        return ["key", "token", "secret", "password", "passwd", "auth", "cookie", "credential"].contains {
            name.contains($0)
        }
    }
}
