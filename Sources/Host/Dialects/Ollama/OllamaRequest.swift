import JSON

/// What becomes of a request of Ollama's API.
public enum OllamaOutcome {
    /// A request for a backend.
    case translated(Translation)
    /// The whole answer, JSON: the request asks for nothing that a backend would have to do.
    case answered([UInt8])
}

/// Requests of Ollama's API as requests of OpenAI's. Pure; what cannot be translated is refused with the member's
/// place, what can be left out is named in the warnings.
///
/// `model` goes into the translated body and `askedModel` into the answers; the body's own `model` is not looked at.
/// `requestID` names the tool calls of the answer: never the same for two requests.
public enum OllamaRequest {
    /// `POST /api/chat`. Without messages it only asks to load or unload the model, and is answered as if that was
    /// done.
    public static func chat(
        _ body: JSONValue, model: String, askedModel: String, requestID: String, clock: OllamaClock
    ) throws(ClientError) -> OllamaOutcome {
        let answer = OllamaAnswer(form: .chat, model: askedModel, requestID: requestID, clock: clock)
        var draft = try OllamaDraft(body, model: model)
        let messages = try draft.members.array("messages") ?? []
        guard !messages.isEmpty else {
            return .answered(answer.withoutBackend(reason: try draft.isUnload() ? "unload" : "load"))
        }
        var conversation = OllamaMessages()
        for (index, message) in messages.enumerated() { try conversation.add(message, "messages[\(index)]") }
        draft.result["messages"] = .array(conversation.translated)
        try draft.takeStream()
        try draft.takeTools()
        try draft.takeFormat()
        try draft.takeThink()
        try draft.takeSampling()
        try draft.takeLogprobs()
        draft.leaveOut(["truncate", "shift"])
        return .translated(draft.translation(.chat, warnings: conversation.warnings, answer))
    }

    /// `POST /api/generate`: a chat of one message, or a completion if the prompt is raw or has a suffix. Without a
    /// prompt it only asks to load or unload the model, and is answered as if that was done.
    public static func generate(
        _ body: JSONValue, model: String, askedModel: String, requestID: String, clock: OllamaClock
    ) throws(ClientError) -> OllamaOutcome {
        let answer = OllamaAnswer(form: .generate, model: askedModel, requestID: requestID, clock: clock)
        var draft = try OllamaDraft(body, model: model)
        let prompt = try draft.members.string("prompt") ?? ""
        guard !prompt.isEmpty else {
            return .answered(answer.withoutBackend(reason: try draft.isUnload() ? "unload" : "load"))
        }
        let isRaw = try draft.members.bool("raw") ?? false
        let suffix = try draft.members.string("suffix") ?? ""
        let system = try draft.members.string("system") ?? ""
        let images = try draft.members.array("images") ?? []
        if isRaw || !suffix.isEmpty {
            try refuseTemplating(draft.members, isRaw: isRaw, system: system, images: images)
            draft.result["prompt"] = .string(prompt)
            if !suffix.isEmpty { draft.result["suffix"] = .string(suffix) }
            try draft.takeCompletionLogprobs()
            draft.leaveOut(["system", "think"])
        } else {
            var messages: [JSONValue] = []
            if !system.isEmpty { messages.append(["role": "system", "content": .string(system)]) }
            let content = try OllamaImage.content(prompt, images: images, "images")
            messages.append(["role": "user", "content": content])
            draft.result["messages"] = .array(messages)
            try draft.takeThink()
            try draft.takeLogprobs()
        }
        try draft.takeStream()
        try draft.takeFormat()
        try draft.takeSampling()
        draft.leaveOut(["template", "context", "truncate", "shift", "width", "height", "steps"])
        return .translated(draft.translation(isRaw || !suffix.isEmpty ? .completions : .chat, answer))
    }

    /// A completion takes its prompt as it is: Ollama refuses with `raw` what it would have to put into the template.
    private static func refuseTemplating(
        _ members: OllamaMembers, isRaw: Bool, system: String, images: [JSONValue]
    ) throws(ClientError) {
        if !images.isEmpty {
            throw OllamaError.refusal("images", "images cannot be sent with a raw prompt or a suffix.")
        }
        guard isRaw else { return }
        let template = try members.string("template") ?? ""
        let context = try members.array("context") ?? []
        if !template.isEmpty || !system.isEmpty || !context.isEmpty {
            throw OllamaError.refusal("raw", "raw mode does not support template, system, or context")
        }
    }

    /// `POST /api/embed`. Without input there is nothing to ask a backend.
    public static func embed(
        _ body: JSONValue, model: String, askedModel: String, requestID: String, clock: OllamaClock
    ) throws(ClientError) -> OllamaOutcome {
        var draft = try OllamaDraft(body, model: model)
        let inputs: [String]
        switch draft.members["input"] {
        case nil, .string(""): inputs = []
        case .string(let text): inputs = [text]
        case .array(let items): inputs = try OllamaMembers.strings(items, "input")
        default: throw OllamaError.refusal("input", "input must be a string or an array of strings.")
        }
        let answer = OllamaEmbeddings(form: .embed, count: inputs.count, model: askedModel, clock: clock)
        guard !inputs.isEmpty else { return .answered(answer.withoutBackend()) }
        draft.result["input"] = draft.members["input"]
        if let dimensions = try draft.members.integer("dimensions") {
            draft.result["dimensions"] = .number(JSONNumber(dimensions))
        }
        if let truncate = try draft.members.bool("truncate") { draft.result["truncate"] = .bool(truncate) }
        try draft.takeEmbeddingOptions()
        return .translated(draft.translation(.embeddings, answer))
    }

    /// `POST /api/embeddings`, the older form: one prompt, one vector.
    public static func embeddings(
        _ body: JSONValue, model: String, askedModel: String, requestID: String, clock: OllamaClock
    ) throws(ClientError) -> OllamaOutcome {
        var draft = try OllamaDraft(body, model: model)
        let prompt = try draft.members.string("prompt") ?? ""
        let answer = OllamaEmbeddings(form: .embeddings, count: 1, model: askedModel, clock: clock)
        guard !prompt.isEmpty else { return .answered(answer.withoutBackend()) }
        draft.result["input"] = .string(prompt)
        try draft.takeEmbeddingOptions()
        return .translated(draft.translation(.embeddings, answer))
    }
}
