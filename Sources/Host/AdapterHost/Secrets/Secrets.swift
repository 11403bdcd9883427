import Core
import JSON

/// The secrets of one backend: its API keys, and options that the schema or the operator marks. Whatever goes to
/// people of the backend goes through here, since servers put the key that they refuse into their words, in any spelling: plain,
/// escaped as in JSON, in an address or in HTML, or in base64.
///
/// It costs nothing if there is nothing to hide, and good answers do not pass it.
struct Secrets: Sendable {
    enum Limits {
        /// What is shorter stands in too many texts to be hidden, and is no secret.
        static let shortest = 4
        /// What is shorter stands in too many names of models to make them unusable.
        static let shortestInName = 8
        /// So many bytes of a secret are hidden even without the rest, which an adapter or a server may have cut off. Of parts that
        /// do not begin as the secret does it takes a few more (`SecretPatterns.anchorStep`).
        static let part = 12
        /// The same at the end of a text that is long enough to have been cut.
        static let partAtEnd = 6
        static let longText = 100
        /// Texts in which escapes were taken away, of one text; and of one that is large.
        static let spellings = 16
        static let spellingsOfLarge = 3
        static let large = 1024 * 1024
    }

    private let patterns: SecretPatterns?

    /// - Parameters:
    ///   - keys: of the API.
    ///   - options: other secrets.
    init(_ keys: [String], options: [String] = []) {
        let patterns = SecretPatterns(keys: keys, options: options)
        self.patterns = patterns.isEmpty ? nil : patterns
    }

    // MARK: Hiding

    func hidden(in text: String) -> String {
        guard let patterns else { return text }
        var text = text
        let found = text.withUTF8 { patterns.found(in: $0) }
        guard !found.isEmpty else { return text }
        return String(decoding: Self.masked(Array(text.utf8), found), as: UTF8.self)
    }

    func hidden(in bytes: [UInt8]) -> [UInt8] {
        guard let patterns else { return bytes }
        let found = bytes.withUnsafeBufferPointer { patterns.found(in: $0) }
        return found.isEmpty ? bytes : Self.masked(bytes, found)
    }

    /// The same for a JSON text, which stays one, and an error if it is one; nil if it would not: a secret may be a number, a
    /// piece of JSON, or the name of a member.
    func hidden(inJSON bytes: [UInt8]) -> [UInt8]? {
        let hidden = hidden(in: bytes)
        if hidden == bytes { return bytes }
        guard let before = try? JSONValue.parse(bytes), let after = try? JSONValue.parse(hidden) else { return nil }
        return (before["error"] == nil) == (after["error"] == nil) ? hidden : nil
    }

    func hidden(in failure: ExchangeFailure) -> ExchangeFailure {
        guard patterns != nil else { return failure }
        var failure = failure
        failure.message = hidden(in: failure.message)
        failure.body = hidden(inJSON: failure.body) ?? []
        failure.headers = hidden(in: failure.headers)
        return failure
    }

    /// A field whose name holds a secret is left out.
    func hidden(in headers: [HeaderField]) -> [HeaderField] {
        guard patterns != nil else { return headers }
        return headers.compactMap { field in
            hidden(in: field.name) == field.name
                ? HeaderField(name: field.name, value: hidden(in: field.value)) : nil
        }
    }

    /// Leaves out models whose id is a secret or holds one: clients could not ask for them under another name.
    func hidden(in models: [Model]) -> [Model] {
        guard let patterns else { return models }
        return models.compactMap { model in
            var id = model.id
            guard !id.withUTF8({ patterns.isName(with: $0) }) else { return nil }
            var model = model
            model.name = hidden(in: model.name)
            if !model.details.isEmpty {
                model.details = [String: String](
                    model.details.map { (hidden(in: $0.key), hidden(in: $0.value)) }, uniquingKeysWith: { $1 })
            }
            return model
        }
    }

    private static func masked(_ bytes: [UInt8], _ found: [SecretPatterns.Place]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count)
        var end = 0
        for place in found {
            result += bytes[end..<place.range.lowerBound]
            result += (place.isKey ? "[API key]" : "[secret]").utf8
            end = place.range.upperBound
        }
        return result + bytes[end...]
    }
}
