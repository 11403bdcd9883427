import Core

/// A model as all healthy backends that have it tell of it together: each thing by the first, in the order of their
/// names, that tells it; what it can do is what it can do on any of them.
struct OllamaModel {
    private(set) var model: Model

    /// Sorted by name.
    static func merged(_ views: [BackendView]) -> [OllamaModel] {
        var places: [String: Int] = [:]
        var merged: [OllamaModel] = []
        let healthy = views.filter { $0.status == .healthy }
        for view in healthy.sorted(by: { ($0.name, $0.id) < ($1.name, $1.id) }) {
            for model in view.models where model.id != Model.any {
                if let place = places[model.id] {
                    merged[place].add(model)
                } else {
                    places[model.id] = merged.count
                    merged.append(OllamaModel(model: model))
                }
            }
        }
        return merged.sorted { $0.model.id < $1.model.id }
    }

    private mutating func add(_ other: Model) {
        if model.contextLength == 0 { model.contextLength = other.contextLength }
        if model.created == 0 { model.created = other.created }
        if model.name == model.id { model.name = other.name }
        model.capabilities.formUnion(other.capabilities)
        model.size = model.size ?? other.size
        model.details.merge(other.details) { mine, theirs in mine.isEmpty ? theirs : mine }
        if model.isLoaded != true, other.isLoaded == true {
            model.isLoaded = true
            model.loadedUntil = other.loadedUntil
            model.memory = other.memory
            model.deviceMemory = other.deviceMemory
        }
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
