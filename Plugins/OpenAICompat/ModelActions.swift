import PluginAPI
import Synchronization

/// How a server lets an operator load and unload models; most do not.
enum ModelManagement: Sendable {
    /// llama.cpp that runs a process for each model.
    case llamaRouter
    /// LM Studio 0.4 and later.
    case lmStudio
}

extension OpenAIBackend {
    static let actions = [
        AdapterAction(
            "load_model", help: "Loads a model into memory.", signature: "(model: string) -> json",
            function: { (instance, task, model) in
                ActionContext.run(instance, task) { backend, context throws(Failure) in
                    try backend.load(model.text, context)
                }
            } as AdapterAction.WithText),
        AdapterAction(
            "unload_model", help: "Frees the memory a model takes.", signature: "(model: string) -> json",
            function: { (instance, task, model) in
                ActionContext.run(instance, task) { backend, context throws(Failure) in
                    try backend.unload(model.text, context)
                }
            } as AdapterAction.WithText),
        AdapterAction(
            "list_models", help: "Lists the server's models and which of them are in memory.", result: "json",
            function: { (instance, task) in
                ActionContext.run(instance, task) { backend, context throws(Failure) in
                    switch try backend.manager() {
                    case .llamaRouter: try backend.ask("GET", "/models", nil, context)["data"] ?? []
                    case .lmStudio: try backend.ask("GET", "/api/v1/models", nil, context)["models"] ?? []
                    }
                }
            } as AdapterAction.Plain),
    ]

    func offers(_ action: String) -> Bool { management.withLock { $0 } != nil }

    private func manager() throws(Failure) -> ModelManagement {
        guard let manager = management.withLock({ $0 }) else {
            throw Failure(kind: NEXUS_FAIL_UNSUPPORTED, message: "the server does not let models be loaded or unloaded")
        }
        return manager
    }

    private func load(_ model: String, _ context: ActionContext) throws(Failure) -> JSONValue {
        context.progress("loading \(model)")
        return switch try manager() {
        case .llamaRouter: try ask("POST", "/models/load", ["model": .string(model)], context)
        case .lmStudio: try ask("POST", "/api/v1/models/load", ["model": .string(model)], context)
        }
    }

    private func unload(_ model: String, _ context: ActionContext) throws(Failure) -> JSONValue {
        context.progress("unloading \(model)")
        switch try manager() {
        case .llamaRouter: return try ask("POST", "/models/unload", ["model": .string(model)], context)
        case .lmStudio:
            let instances = try Self.instances(of: model, in: ask("GET", "/api/v1/models", nil, context))
            guard !instances.isEmpty else {
                throw Failure(kind: NEXUS_FAIL_REJECTED, status: 404, message: "no model \"\(model)\" is loaded")
            }
            for (index, id) in instances.enumerated() {
                context.progress("unloading \(id)", done: UInt64(index), total: UInt64(instances.count))
                _ = try ask("POST", "/api/v1/models/unload", ["instance_id": .string(id)], context)
            }
            return ["unloaded": .array(instances.map { .string($0) })]
        }
    }

    /// The loaded instances of LM Studio that a name means: those of a model, or one by its own name.
    static func instances(of name: String, in list: JSONValue) -> [String] {
        let models = list["models"]?.array ?? []
        func loaded(_ model: JSONValue) -> [String] {
            (model["loaded_instances"]?.array ?? []).compactMap { $0["id"]?.string }
        }
        if let model = models.first(where: { $0["key"]?.string == name }) { return loaded(model) }
        return models.flatMap(loaded).filter { $0 == name }
    }

    /// A path of the server's own, outside OpenAI's API; the whole answer as JSON.
    private func ask(
        _ method: StaticString, _ path: String, _ body: JSONValue?, _ context: ActionContext
    ) throws(Failure) -> JSONValue {
        let headers = headers(keys.current())
        let answer = try context.collect(
            ActionContext.Request(
                method: method, path: (options.root ?? "") + path, headers: body == nil ? headers.get : headers.post,
                body: body?.bytes ?? [], fromRoot: options.root != nil))
        switch answer.end {
        case .complete: break
        case .refused(let message): throw Failure(kind: NEXUS_FAIL_CONNECT, message: message)
        case .timedOut(let message): throw Failure(kind: NEXUS_FAIL_TIMEOUT, message: message)
        case .closed(let message), .garbage(let message): throw Failure(kind: NEXUS_FAIL_UPSTREAM, message: message)
        case .cancelled: throw Failure(kind: NEXUS_FAIL_INTERNAL, message: "the request was cancelled")
        }
        let value = try? JSONValue.parse(answer.body)
        // LM Studio answers with 200 and an error where it does not know a path.
        guard (200...299).contains(answer.status), let value, UpstreamError.insideStream(value) == nil else {
            let told = ToldError.body(answer.body.prefix(64 * 1024))
            // Nothing of the server's words about a key: they may hold it.
            let isAuth =
                KeyAnswer(status: answer.status, told: told, retryAfterMilliseconds: 0) == .refused
            let words =
                isAuth
                ? "the server refuses the API key; see api_key_env"
                : answer.location.map { Refusals.redirect(answer.status, $0) } ?? told?.message
            throw Failure(
                kind: isAuth ? NEXUS_FAIL_AUTH : NEXUS_FAIL_UPSTREAM, status: answer.status,
                message: "\(method) \(path) answered with status \(answer.status)" + (words.map { ": \($0)" } ?? ""))
        }
        return value
    }
}
