/// What is kept of a key: its SHA-256.
///
/// A plain hash, with neither salt nor many rounds: those are for passwords, of which there are few that people choose. A key is
/// 256 random bits, so that nobody finds it by trying, however fast a try is.
public struct KeyHash: Sendable, Hashable {
    private let words: [4 of UInt64]

    /// - Parameter key: as its client shows it.
    public init(of key: some Collection<UInt8>) { self.init(bytes: SHA256.hash(Array(key))) }

    public init(of key: String) { self.init(of: Array(key.utf8)) }

    private init(bytes: [UInt8]) {
        var words: [4 of UInt64] = [0, 0, 0, 0]
        for (index, byte) in bytes.prefix(32).enumerated() { words[index / 8] = words[index / 8] << 8 | UInt64(byte) }
        self.words = words
    }

    static let prefix = "sha256:"

    /// "sha256:" and 64 hexadecimal digits; nil: it is none.
    public init?(text: String) {
        guard text.hasPrefix(Self.prefix), let bytes = Hexadecimal.bytes(text.dropFirst(Self.prefix.count)),
            bytes.count == 32
        else { return nil }
        self.init(bytes: bytes)
    }

    private var bytes: [UInt8] {
        (0..<32).map { UInt8(truncatingIfNeeded: words[$0 / 8] >> UInt64(56 - 8 * ($0 % 8))) }
    }

    public var text: String { Self.prefix + Hexadecimal.text(bytes) }

    /// The beginning of it, by which a session knows whether its key is still the same.
    var fingerprint: String { Hexadecimal.text(bytes.prefix(8)) }

    /// Takes the same time whatever the difference.
    public static func == (left: KeyHash, right: KeyHash) -> Bool {
        var difference: UInt64 = 0
        for index in 0..<4 { difference |= left.words[index] ^ right.words[index] }
        return difference == 0
    }

    public func hash(into hasher: inout Hasher) {
        for index in 0..<4 { hasher.combine(words[index]) }
    }
}

/// Keys that the gateway makes.
public enum NewKey {
    public static let prefix = "nx-"
    /// Letters and digits behind the prefix: of 62 kinds, more than 256 bits in all.
    static let length = 43
    private static let alphabet = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)

    /// From the system's source of randomness, which is fit for this.
    public static func make() -> String {
        var random = SystemRandomNumberGenerator()
        return prefix
            + String(
                decoding: (0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &random)] },
                as: UTF8.self)
    }
}

/// Whether two texts are the same, in a time that tells nothing of where they differ.
public enum ConstantTime {
    public static func equal(_ left: some Collection<UInt8>, _ right: some Collection<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for (one, other) in zip(left, right) { difference |= one ^ other }
        return difference == 0
    }
}
