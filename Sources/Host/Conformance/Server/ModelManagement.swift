import JSON

/// What the built-in server answers to those who manage its models: as Ollama does, llama.cpp as a router, and LM Studio.
extension BuiltInServer {
    /// Nil: the path is for something else.
    func managed(_ path: String, _ request: UpstreamRequest) -> UpstreamAnswer? {
        switch (request.method, path) {
        case ("POST", "/models/load"), ("POST", "/models/unload"): return json(["success": true])
        case ("POST", "/api/v1/models/load"):
            let id = member(request, "model") ?? .null
            return json(["type": "llm", "instance_id": id, "load_time_seconds": 0.5, "status": "loaded"])
        case ("POST", "/api/v1/models/unload"): return json(["instance_id": member(request, "instance_id") ?? .null])
        case ("POST", "/api/pull"): return pull(request)
        case ("DELETE", "/api/delete"): return UpstreamAnswer(headers: [], body: [])
        case ("POST", "/api/generate") where member(request, "prompt") == nil:
            let isUnload = member(request, "keep_alive")?.int == 0
            return json([
                "model": member(request, "model") ?? .null, "created_at": .string(Self.time), "response": "",
                "done": true, "done_reason": isUnload ? "unload" : "load",
            ])
        default: return nil
        }
    }

    /// Two layers, one after the other.
    private func pull(_ request: UpstreamRequest) -> UpstreamAnswer {
        guard member(request, "stream")?.bool ?? true else { return json(["status": "success"]) }
        var lines: [JSONValue] = [["status": "pulling manifest"]]
        for (digest, total) in [("sha256:01", 1000), ("sha256:02", 10)] {
            let layer = JSONObject([
                (name: "status", value: .string("pulling \(digest)")), (name: "digest", value: .string(digest)),
                (name: "total", value: .number(JSONNumber(total))),
            ])
            lines.append(.object(layer))
            for completed in [total / 2, total] {
                var line = layer
                line["completed"] = .number(JSONNumber(completed))
                lines.append(.object(line))
            }
        }
        lines += ["verifying sha256 digest", "writing manifest", "success"].map { ["status": .string($0)] }
        return UpstreamAnswer(
            headers: [("content-type", "application/x-ndjson")], body: lines.flatMap { $0.bytes + [0x0A] })
    }
}
