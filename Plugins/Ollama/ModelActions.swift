import PluginAPI

/// What an operator can do with the models of an Ollama server.
extension OllamaBackend {
    static let actions = [
        AdapterAction(
            "pull_model", help: "Downloads a model from its registry, or updates it.",
            signature: "(model: string, insecure: bool = false) -> none",
            function: { (instance, task, model, insecure) in
                ActionContext.run(instance, task) { backend, context throws(Failure) in
                    try backend.pull(model.text, insecure: insecure != 0, context)
                    return nil
                }
            } as AdapterAction.WithTextAndFlag),
        AdapterAction(
            "delete_model", help: "Deletes a model from the server's disk.", signature: "(model: string) -> none",
            isDestructive: true,
            function: { (instance, task, model) in
                ActionContext.run(instance, task) { backend, context throws(Failure) in
                    _ = try backend.ask("DELETE", "/api/delete", [("model", .string(model.text))], context)
                    return nil
                }
            } as AdapterAction.WithText),
        AdapterAction(
            "load_model",
            help: "Loads a model into memory; keep_alive says for how long, e.g. 5m, 0, or -1 for ever.",
            signature: "(model: string, keep_alive: string?) -> none",
            function: { (instance, task, model, keepAlive) in
                ActionContext.run(instance, task) { backend, context throws(Failure) in
                    let asked = keepAlive.len > 0 ? KeepAlive.value(keepAlive.text) : backend.options.keepAlive
                    try backend.load(model.text, keepAlive: asked, context)
                    return nil
                }
            } as AdapterAction.WithTexts),
        AdapterAction(
            "unload_model", help: "Frees the memory a model takes; the next request loads it again.",
            signature: "(model: string) -> none",
            function: { (instance, task, model) in
                ActionContext.run(instance, task) { backend, context throws(Failure) in
                    try backend.load(model.text, keepAlive: 0, context)
                    return nil
                }
            } as AdapterAction.WithText),
        AdapterAction(
            "show_model", help: "Tells what a model is: family, size, parameters, template, license.",
            signature: "(model: string, verbose: bool = false) -> json",
            function: { (instance, task, model, verbose) in
                ActionContext.run(instance, task) { backend, context throws(Failure) in
                    try backend.ask(
                        "POST", "/api/show",
                        [("model", .string(model.text)), ("verbose", .bool(verbose != 0))], context)
                }
            } as AdapterAction.WithTextAndFlag),
        AdapterAction(
            "running_models", help: "Lists the models that are in memory, with size and time until they go.",
            result: "json",
            function: { (instance, task) in
                ActionContext.run(instance, task) { backend, context throws(Failure) in
                    try backend.ask("GET", "/api/ps", [], context)["models"] ?? []
                }
            } as AdapterAction.Plain),
    ]

    private func body(_ members: [(name: String, value: JSONValue)]) -> [UInt8] {
        members.isEmpty ? [] : JSONValue.object(JSONObject(members)).bytes
    }

    /// The whole answer as JSON; an empty one is null.
    private func ask(
        _ method: StaticString, _ path: String, _ members: [(name: String, value: JSONValue)], _ context: ActionContext
    ) throws(Failure) -> JSONValue {
        let answer = try context.collect(
            ActionContext.Request(
                method: method, path: address.place(path), headers: headers(keys.current()), body: body(members),
                fromRoot: address.isFromRoot))
        try Self.check(answer)
        if answer.body.isEmpty { return .null }
        guard let value = try? JSONValue.parse(answer.body) else {
            throw Failure(kind: NEXUS_FAIL_UPSTREAM, message: "\(method) \(path) did not answer with JSON")
        }
        return value
    }

    private static func check(_ answer: CollectingHandler.Answer) throws(Failure) {
        guard answer.end == .complete else { throw OllamaError.failure(answer.end) }
        guard answer.status == 200 else {
            throw OllamaError.failure(status: answer.status, body: answer.body, location: answer.location)
        }
    }

    /// Ollama loads a model for a request without a prompt, and unloads it for one that keeps it for no time.
    private func load(_ model: String, keepAlive: JSONValue?, _ context: ActionContext) throws(Failure) {
        var members: [(name: String, value: JSONValue)] = [("model", .string(model)), ("stream", false)]
        if let keepAlive { members.append(("keep_alive", keepAlive)) }
        if let length = options.contextLength, keepAlive != 0 {
            // As in requests, or the first of them would load the model again.
            members.append(("options", ["num_ctx": .number(JSONNumber(length))]))
        }
        context.progress(keepAlive == 0 ? "unloading \(model)" : "loading \(model)")
        _ = try ask("POST", "/api/generate", members, context)
    }

    private func pull(_ model: String, insecure: Bool, _ context: ActionContext) throws(Failure) {
        let progress = PullProgress()
        let request = ActionContext.Request(
            method: "POST", path: address.place("/api/pull"), headers: headers(keys.current()),
            body: body([("model", .string(model)), ("insecure", .bool(insecure)), ("stream", true)]),
            fromRoot: address.isFromRoot)
        let answer = try context.lines(request) { line in
            guard !line.isEmpty else { return true }
            progress.took(line)
            if progress.error == nil {
                context.progress(progress.status, done: progress.done, total: progress.total)
            }
            return progress.error == nil
        }
        if let error = progress.error { throw OllamaError.failure(status: 502, text: error) }
        try Self.check(answer)
        guard !answer.isCut, progress.isComplete else {
            throw Failure(kind: NEXUS_FAIL_UPSTREAM, message: "Ollama ended the pull without saying that it succeeded")
        }
    }
}

/// How long a model stays, as an operator writes it.
enum KeepAlive {
    /// A number of seconds, also below 0, or a duration such as 5m.
    static func value(_ text: String) -> JSONValue {
        Int64(text).map { .number(JSONNumber($0)) } ?? .string(text)
    }
}
