import Core
import Shims

/// What bodies are encrypted with on disk: AES-256 in Galois/Counter Mode, with a nonce by chance for each body. It is never shown.
public struct CaptureKey: Sendable, Equatable, CustomStringConvertible {
    private let bytes: [UInt8]
    /// Tells files of other keys apart, and nothing of the key.
    public let fingerprint: String

    /// - Parameter text: 64 hexadecimal digits, as `openssl rand -hex 32` makes them; nil: it is something else.
    public init?(_ text: String) {
        guard let bytes = Hexadecimal.bytes(text), bytes.count == Int(NEXUS_SEAL_KEY) else { return nil }
        self.bytes = bytes
        fingerprint = Hexadecimal.text(SHA256.hash(Array("nexus captures ".utf8) + bytes).prefix(8))
    }

    public var description: String { "key \(fingerprint)" }

    /// The machine has the library for it.
    public static var isPossible: Bool { nexus_sealing_is_there() != 0 }

    /// - Parameter purpose: what it is; has to be the same to open it.
    /// - Returns: nonce, cipher text, tag; nil: there is no library, or no memory.
    func seal(_ plain: [UInt8], purpose: String) -> [UInt8]? {
        var random = SystemRandomNumberGenerator()
        let nonce = (0..<Int(NEXUS_SEAL_NONCE)).map { _ in UInt8.random(in: .min ... .max, using: &random) }
        let with = Array(purpose.utf8)
        var sealed = [UInt8](repeating: 0, count: plain.count + Int(NEXUS_SEAL_TAG))
        let isDone = nexus_seal(bytes, nonce, with, with.count, plain, plain.count, &sealed)
        return isDone == 0 ? nil : nonce + sealed
    }

    /// Nil: it was not made with this key for this purpose, or it is damaged.
    func open(_ sealed: [UInt8], purpose: String) -> [UInt8]? {
        let nonce = Array(sealed.prefix(Int(NEXUS_SEAL_NONCE)))
        let rest = Array(sealed.dropFirst(nonce.count))
        guard nonce.count == Int(NEXUS_SEAL_NONCE), rest.count >= Int(NEXUS_SEAL_TAG) else { return nil }
        let with = Array(purpose.utf8)
        var plain = [UInt8](repeating: 0, count: rest.count)
        guard nexus_open_sealed(bytes, nonce, with, with.count, rest, rest.count, &plain) != 0 else { return nil }
        return Array(plain.prefix(rest.count - Int(NEXUS_SEAL_TAG)))
    }
}
