import Core

/// A model as Ollama's API tells of it.
struct OllamaModel {
    let model: Model

    /// One for each name, sorted by it; then the operator's other names.
    /// - Parameters:
    ///   - aliases: other names, each with a model's name at the backends.
    ///   - scope: of those that a key may use; nil: all.
    static func merged(
        _ views: [BackendView], aliases: [(alias: String, model: String)] = [], scope: KeyScope? = nil
    ) -> [OllamaModel] {
        ServedModel.all(views, aliases: aliases, scope: scope).map { OllamaModel(model: $0.model) }
    }

    var id: String { model.id }

    func detail(_ name: String) -> String { model.details[name] ?? "" }

    /// Ollama knows models by an architecture, of which `family` is the name.
    var architecture: String { detail("family").isEmpty ? "unknown" : detail("family") }

    var capabilities: [String] {
        var words = [model.capabilities.contains(.embedding) ? "embedding" : "completion"]
        if model.capabilities.contains(.tools) { words.append("tools") }
        if model.capabilities.contains(.vision) { words.append("vision") }
        if model.capabilities.contains(.thinking) { words.append("thinking") }
        return words
    }

    /// 64 hexadecimal digits. Where no backend tells one it comes from the id: clients tell models apart by it.
    var digest: String {
        let told = detail("digest")
        if !told.isEmpty { return told.hasPrefix("sha256:") ? String(told.dropFirst(7)) : told }
        return (UInt64(1)...4).map { lane in
            // FNV-1a with a start of its own for each 16 digits, and a last mixing so that short ids differ everywhere.
            var hash = model.id.utf8.reduce(0xcbf2_9ce4_8422_2325 ^ lane &* 0x9e37_79b9_7f4a_7c15) {
                ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3
            }
            hash = (hash ^ hash >> 30) &* 0xbf58_476d_1ce4_e5b9
            hash = (hash ^ hash >> 27) &* 0x94d0_49bb_1331_11eb
            hash ^= hash >> 31
            let digits = String(hash, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }

    /// Go's zero time where it is unknown: Ollama's own clients write "never" for it.
    var modifiedAt: String {
        model.created == 0 ? "0001-01-01T00:00:00Z" : Timestamp.text(seconds: Double(model.created))
    }
}
