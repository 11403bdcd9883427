import JSON

/// Images of Ollama's API: base64 without a prefix. OpenAI's API wants a data URL (RFC 2397), which names the format.
enum OllamaImage {
    /// The content of a message: a text, or parts if there are images.
    /// - Parameter place: of the array of images.
    static func content(_ text: String, images: [JSONValue], _ place: String) throws(ClientError) -> JSONValue {
        guard !images.isEmpty else { return .string(text) }
        var parts: [JSONValue] = text.isEmpty ? [] : [["type": "text", "text": .string(text)]]
        for (index, image) in images.enumerated() {
            let url = try dataURL(image, "\(place)[\(index)]")
            parts.append(["type": "image_url", "image_url": ["url": .string(url)]])
        }
        return .array(parts)
    }

    private static func dataURL(_ image: JSONValue, _ place: String) throws(ClientError) -> String {
        guard var text = image.string else {
            throw OllamaError.refusal(place, "\(place) must be an image as a base64 string.")
        }
        // Ollama takes none, but it is clear what is meant.
        if text.hasPrefix("data:image/") { return text }
        if text.utf8.contains(where: { $0 == 0x0A || $0 == 0x0D }) { text.removeAll(where: \.isNewline) }
        guard let start = decodedStart(text) else {
            throw OllamaError.refusal(place, "\(place) is not base64; send the bytes of the image so, not its address.")
        }
        guard let type = type(start) else {
            throw OllamaError.refusal(place, "\(place) is none of PNG, JPEG, GIF and WebP.")
        }
        return "data:\(type);base64,\(text)"
    }

    /// The media type, by the first bytes of the file.
    private static func type(_ start: [UInt8]) -> String? {
        if start.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return "image/png" }
        if start.starts(with: [0xFF, 0xD8, 0xFF]) { return "image/jpeg" }
        if start.starts(with: "GIF8".utf8) { return "image/gif" }
        if start.starts(with: "RIFF".utf8), start.dropFirst(8).starts(with: "WEBP".utf8) { return "image/webp" }
        return nil
    }

    /// The first bytes; nil if any of the text is not base64.
    private static func decodedStart(_ text: String) -> [UInt8]? {
        guard Base64Text.isValid(text) else { return nil }
        return Base64Text.decode(String(decoding: text.utf8.prefix(16), as: UTF8.self))
    }
}

/// Base64 (RFC 4648, section 4), with or without padding.
enum Base64Text {
    static func isValid(_ text: String) -> Bool {
        var symbols = 0
        var padding = 0
        for byte in text.utf8 {
            if byte == UInt8(ascii: "=") {
                padding += 1
            } else {
                guard padding == 0, value(byte) != nil else { return false }
                symbols += 1
            }
        }
        return symbols % 4 != 1 && padding <= 2 && (padding == 0 || (symbols + padding) % 4 == 0)
    }

    /// Nil if it is not base64.
    static func decode(_ text: String) -> [UInt8]? {
        guard isValid(text) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count / 4 * 3)
        var word: UInt32 = 0
        var bits = 0
        for byte in text.utf8 {
            guard let value = value(byte) else { break }
            word = word << 6 | UInt32(value)
            bits += 6
            if bits >= 8 {
                bits -= 8
                bytes.append(UInt8(truncatingIfNeeded: word >> UInt32(bits)))
            }
        }
        return bytes
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
