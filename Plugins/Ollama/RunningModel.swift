/// One model of `/api/ps`: it is in the server's memory.
struct RunningModel {
    let names: [String]
    let digest: String
    /// Unix seconds; 0: unknown; -1: never.
    let until: Int64
    /// Tokens that it was loaded with; 0: an older server does not tell.
    let contextLength: UInt64
    let memory: UInt64
    let deviceMemory: UInt64?

    /// Later than this is never: Ollama writes some 292 years from now for a model that stays.
    private static let farFuture: Int64 = 4_102_444_800

    init(_ item: JSONValue) {
        names = [item["name"]?.string, item["model"]?.string].compactMap { $0 }
        digest = item["digest"]?.string ?? ""
        let expires = CreatedAt.seconds(item["expires_at"]?.string)
        until = expires > Self.farFuture ? -1 : max(0, expires)
        contextLength = item["context_length"]?.count ?? 0
        memory = item["size"]?.count ?? 0
        deviceMemory = item["size_vram"]?.count
    }

    /// Names of the same digest share what is loaded.
    func isLoaded(_ name: String, digest: String) -> Bool {
        names.contains(name) || !digest.isEmpty && digest == self.digest
    }
}
