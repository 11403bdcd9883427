/// How far a pull is, from the lines Ollama tells. Layers come with their digests, one after the other or interleaved.
final class PullProgress {
    private var layers: [String: (done: UInt64, total: UInt64)] = [:]
    private(set) var status = ""
    private(set) var error: String?
    private(set) var isComplete = false
    /// Layers that are counted; a server that tells of more is not believed.
    private static let layerLimit = 10_000

    /// Bytes of all layers that the server has named.
    var done: UInt64 { layers.values.reduce(0) { UInt64.saturatingSum($0, $1.done) } }

    /// Nil until the server names a layer.
    var total: UInt64? { layers.isEmpty ? nil : layers.values.reduce(0) { UInt64.saturatingSum($0, $1.total) } }

    func took(_ line: UnsafeRawBufferPointer) {
        guard let value = try? JSONValue.parse(line) else {
            error = "a line of the pull is not JSON"
            return
        }
        guard value.object != nil else {
            error = "a line of the pull is no JSON object"
            return
        }
        if let told = OllamaError.text(value) {
            error = told
            return
        }
        status = value["status"]?.string ?? ""
        if status == "success" { isComplete = true }
        guard let digest = value["digest"]?.string, let total = value["total"]?.count,
            layers[digest] != nil || layers.count < Self.layerLimit
        else { return }
        let done = max(layers[digest]?.done ?? 0, value["completed"]?.count ?? 0)
        layers[digest] = (done, total)
    }
}
