import Core

/// The API keys of one backend: what is told to people of the backend goes through here, since servers put the key that they
/// refuse into their words.
struct Secrets: Sendable {
    /// What is shorter stands in too many texts to be hidden, and is no key.
    private static let shortest = 4
    private static let mask = "[API key]"

    private let keys: [String]

    init(_ keys: [String]) {
        // A key may be the beginning of another.
        self.keys = keys.filter { $0.utf8.count >= Self.shortest }.sorted { $0.utf8.count > $1.utf8.count }
    }

    func hidden(in text: String) -> String {
        guard !keys.isEmpty else { return text }
        var bytes = Array(text.utf8)
        return hide(in: &bytes) ? String(decoding: bytes, as: UTF8.self) : text
    }

    func hidden(in bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        _ = hide(in: &bytes)
        return bytes
    }

    func hidden(in failure: ExchangeFailure) -> ExchangeFailure {
        guard !keys.isEmpty else { return failure }
        var failure = failure
        failure.message = hidden(in: failure.message)
        _ = hide(in: &failure.body)
        return failure
    }

    /// True if a key was there.
    private func hide(in bytes: inout [UInt8]) -> Bool {
        var found = false
        for key in keys {
            let key = Array(key.utf8)
            var index = 0
            while index + key.count <= bytes.count {
                if bytes[index] == key[0], bytes[index..<index + key.count].elementsEqual(key) {
                    bytes.replaceSubrange(index..<index + key.count, with: Self.mask.utf8)
                    found = true
                    index += Self.mask.utf8.count
                } else {
                    index += 1
                }
            }
        }
        return found
    }
}
