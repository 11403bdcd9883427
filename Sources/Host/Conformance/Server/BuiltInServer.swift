import EventStream
import JSON

/// A server that speaks OpenAI's API, with the extras of llama.cpp, and Ollama's own: which one is meant shows in the path.
struct BuiltInServer: ServerScript {
    /// Text beyond ASCII, with what JSON escapes, in pieces as a stream brings it.
    static let textPieces = ["Hel", "lo, \"Wörld\"", " \\ 👋", "\n", "bye."]
    static let counts: (prompt: UInt64, completion: UInt64) = (7, 11)
    private static let created = 1_767_323_045
    static let time = "2026-01-02T03:04:05.678Z"

    let models: [String]? = ["check-model", "check/other:7b"]
    let listsAnyNumber = true
    let text: String? = textPieces.joined()
    let usage: (prompt: UInt64, completion: UInt64)? = counts
    let isVariable = true
    let endlessStart = Array("data: {\"message\":{\"content\":\"".utf8)

    func error(_ status: UInt32, _ text: String, for path: String) -> [UInt8] {
        if path.hasPrefix("/api/") { return JSONValue.object(["error": .string(text)]).bytes }
        let error: JSONValue = [
            "error": ["message": .string(text), "type": "scripted_error", "param": nil, "code": nil]
        ]
        return error.bytes
    }

    private let memory = AnswerMemory()

    func answer(_ request: UpstreamRequest, _ variation: Variation) -> UpstreamAnswer {
        let key = AnswerMemory.Key(
            method: request.method, path: request.path, body: request.body, tellsUsage: variation.tellsUsage,
            models: variation.models,
            hasErrorInside: variation.fault == .errorInside)
        return memory.answer(key) { newAnswer(request, variation) }
    }

    private func newAnswer(_ request: UpstreamRequest, _ variation: Variation) -> UpstreamAnswer {
        let path = String(request.path.prefix { $0 != "?" })
        if let managed = managed(path, request) { return managed }
        if path.hasPrefix("/api/") { return ollama(path, request, variation) }
        switch path {
        case "/v1/models", "/models": return json(openAIModels(variation))
        case "/health", "/v1/health", "/readyz": return json(["status": "ok"])
        case "/props":
            return json([
                "default_generation_settings": ["n_ctx": 4096], "build_info": "b1", "modalities": [:], "role": "router",
            ])
        case "/version": return json(["version": "1.0"])
        case "/v1/chat/completions", "/chat/completions":
            return generated(request, variation, isStream: isTrue(request, "stream"), chat: true)
        case "/v1/completions", "/completions":
            return generated(request, variation, isStream: isTrue(request, "stream"), chat: false)
        case "/v1/embeddings", "/embeddings": return openAIEmbeddings(request, variation)
        default: return UpstreamAnswer(status: 404, body: error(404, "no such path", for: path))
        }
    }

    // MARK: Parts

    func json(_ value: JSONValue) -> UpstreamAnswer {
        UpstreamAnswer(headers: [("content-type", "application/json"), ("server", "scripted/1")], body: value.bytes)
    }

    private func generation(_ value: JSONValue) -> UpstreamAnswer {
        var answer = json(value)
        answer.isGeneration = true
        return answer
    }

    func member(_ request: UpstreamRequest, _ name: String) -> JSONValue? {
        (try? JSONValue.parse(request.body, maximumDepth: 1024))?[name]
    }

    private func isTrue(_ request: UpstreamRequest, _ name: String) -> Bool {
        member(request, name)?.bool ?? false
    }

    private func names(_ variation: Variation) -> [String] {
        variation.models.map { count in (0..<count).map { "model-\($0)" } } ?? models ?? []
    }

    private var chatUsage: JSONValue {
        [
            "prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18,
            "prompt_tokens_details": ["cached_tokens": 0],
        ]
    }

    // MARK: OpenAI's API

    private func openAIModels(_ variation: Variation) -> JSONValue {
        let list = names(variation).map { id -> JSONValue in
            [
                "id": .string(id), "object": "model", "created": .number(JSONNumber(Self.created)),
                "owned_by": "llamacpp", "meta": ["n_ctx_train": 8192],
            ]
        }
        return ["object": "list", "data": .array(list)]
    }

    private func generated(
        _ request: UpstreamRequest, _ variation: Variation, isStream: Bool, chat: Bool
    ) -> UpstreamAnswer {
        let object: JSONValue = chat ? "chat.completion" : "text_completion"
        var head = JSONObject([
            (name: "id", value: "scripted-1"), (name: "object", value: object),
            (name: "created", value: .number(JSONNumber(Self.created))), (name: "model", value: "check-model"),
        ])
        guard isStream else {
            let text: JSONValue = .string(Self.textPieces.joined())
            head["choices"] = [
                chat
                    ? ["index": 0, "message": ["role": "assistant", "content": text], "finish_reason": "stop"]
                    : ["index": 0, "text": text, "finish_reason": "stop"]
            ]
            if variation.tellsUsage { head["usage"] = chatUsage }
            return generation(.object(head))
        }
        if chat { head["object"] = "chat.completion.chunk" }
        var body: [UInt8] = []
        func event(_ value: JSONValue) { EventText.append(value.bytes, to: &body) }
        func chunk(_ text: String?, finish: JSONValue = .null) {
            var chunk = head
            let delta: JSONValue = text.map { ["content": .string($0)] } ?? [:]
            chunk["choices"] = [
                chat
                    ? ["index": 0, "delta": delta, "finish_reason": finish]
                    : ["index": 0, "text": .string(text ?? ""), "finish_reason": finish]
            ]
            event(.object(chunk))
        }
        for (index, text) in Self.textPieces.enumerated() {
            if index == 2 {
                body += Array(": a comment\n\n".utf8)
                if variation.fault == .errorInside { event(JSONValue.parsed(error(500, "it broke inside", for: ""))) }
            }
            chunk(text)
        }
        chunk(nil, finish: "stop")
        if variation.tellsUsage, member(request, "stream_options")?["include_usage"]?.bool == true {
            head["choices"] = []
            head["usage"] = chatUsage
            event(.object(head))
        }
        body += EventText.doneMark
        return UpstreamAnswer(
            headers: [("content-type", "text/event-stream"), ("server", "scripted/1")], body: body, isGeneration: true)
    }

    private func openAIEmbeddings(_ request: UpstreamRequest, _ variation: Variation) -> UpstreamAnswer {
        let count = member(request, "input")?.array?.count ?? 1
        let data = (0..<count).map { index -> JSONValue in
            ["object": "embedding", "index": .number(JSONNumber(index)), "embedding": [0.5, -0.25, 1]]
        }
        var body = JSONObject([
            (name: "object", value: "list"), (name: "model", value: "check-model"), (name: "data", value: .array(data)),
        ])
        if variation.tellsUsage { body["usage"] = ["prompt_tokens": 7, "total_tokens": 7] }
        return generation(.object(body))
    }

    // MARK: Ollama's API

    private func ollama(_ path: String, _ request: UpstreamRequest, _ variation: Variation) -> UpstreamAnswer {
        switch path {
        case "/api/tags":
            let list = names(variation).map { name -> JSONValue in
                [
                    "name": .string(name), "model": .string(name), "digest": .string("sha256:" + name), "size": 1,
                    "modified_at": .string(Self.time), "capabilities": ["completion"],
                    "details": ["family": "llama", "context_length": 8192],
                ]
            }
            return json(["models": .array(list)])
        case "/api/show":
            return json(["capabilities": ["completion"], "model_info": ["llama.context_length": 8192]])
        case "/api/version": return json(["version": "0.30.0"])
        case "/api/ps": return json(["models": []])
        case "/api/chat", "/api/generate": return ollamaChat(request, variation, chat: path == "/api/chat")
        case "/api/embed":
            let count = member(request, "input")?.array?.count ?? 1
            var body = JSONObject([
                (name: "model", value: "check-model"),
                (name: "embeddings", value: .array(Array(repeating: [0.5, -0.25, 1], count: count))),
            ])
            if variation.tellsUsage { body["prompt_eval_count"] = 7 }
            return generation(.object(body))
        default: return UpstreamAnswer(status: 404, body: JSONValue.object(["error": "404 page not found"]).bytes)
        }
    }

    private func ollamaChat(_ request: UpstreamRequest, _ variation: Variation, chat: Bool) -> UpstreamAnswer {
        func line(_ text: String, done: Bool) -> JSONValue {
            var line = JSONObject([
                (name: "model", value: "check-model"), (name: "created_at", value: .string(Self.time)),
            ])
            if chat {
                line["message"] = ["role": "assistant", "content": .string(text)]
            } else {
                line["response"] = .string(text)
            }
            line["done"] = .bool(done)
            if done {
                line["done_reason"] = "stop"
                line["total_duration"] = 1_000_000
                if variation.tellsUsage {
                    line["prompt_eval_count"] = 7
                    line["eval_count"] = 11
                }
            }
            return .object(line)
        }
        guard member(request, "stream")?.bool ?? true else {
            return generation(line(Self.textPieces.joined(), done: true))
        }
        var body: [UInt8] = []
        for (index, text) in Self.textPieces.enumerated() {
            if index == 2, variation.fault == .errorInside {
                body += JSONValue.object(["error": "it broke inside"]).bytes + [0x0A]
            }
            body += line(text, done: false).bytes + [0x0A]
        }
        body += line("", done: true).bytes + [0x0A]
        return UpstreamAnswer(headers: [("content-type", "application/x-ndjson")], body: body, isGeneration: true)
    }
}

extension JSONValue {
    /// The value of a text that is known to be JSON; null if it is not.
    static func parsed(_ bytes: [UInt8]) -> JSONValue { (try? parse(bytes)) ?? .null }

    static func object(_ members: [String: JSONValue]) -> JSONValue {
        .object(JSONObject(members.map { (name: $0.key, value: $0.value) }))
    }
}
