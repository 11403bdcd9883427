import Core
import JSON
import NIOCore
import Routing

/// `POST /v1/explain`: where a request would go, and why.
struct ExplainAnswers {
    let state: GatewayState

    /// Backends that are told of one model, and that are left out of it.
    private static let limit = 256

    /// - Parameter call: its body is that of the request; `endpoint` in its query is the path that the request would have.
    func explain(_ call: RouteCall, _ later: LaterAnswer) {
        let (answers, remote) = (self, later.remote)
        // What is asked about may be long, and so may be the list of backends.
        let isTaken = state.work.submit(size: call.body.readableBytes) { remote.answer(answers.answer(call)) }
        if !isTaken { later.answer(.error(.overloaded)) }
    }

    func answer(_ call: RouteCall) -> LocalAnswer {
        let endpoint = QueryValues(call.context.query).all.first { $0.name == "endpoint" }?.value
        let path = endpoint ?? "/v1/chat/completions"
        guard case .route(let route, _) = RouteTable.gateway.match(.post, path),
            case .exchange(let kind) = route.handler
        else { return .error(.unknownEndpoint(path)) }
        let draft = RequestDraft(kind: kind, path: path, contentType: "", body: call.body)
        var names = state.modelNames
        if let wanted = call.context.onlyBackend {
            names.onlyBackend = names.snapshot.onlyBackend(wanted)
            guard names.onlyBackend != nil else {
                return .error(
                    .unknownOnlyBackend(wanted, among: names.snapshot.backends.map(\.identity.name)))
            }
        }
        do throws(RequestPeekError) {
            let request = try draft.request(names: names)
            return LocalAnswer(body: Self.json(Explanation(request, state: state), state.settings.queue))
        } catch {
            return .error(ErrorBody(error))
        }
    }

    // MARK: JSON

    private static func json(_ explanation: Explanation, _ queue: Configuration.Queue) -> [UInt8] {
        var json = JSONWriter(capacity: 4096)
        json.beginObject()
        json.key("object")
        json.string("explanation")
        json.key("model")
        json.string(explanation.request.peek.model)
        json.key("kind")
        json.string(explanation.request.kind.name)
        json.key("stream")
        json.bool(explanation.request.stream)
        json.key("strategy")
        json.string(explanation.strategy.rawValue)
        json.key("needs")
        json.beginObject()
        json.key("prompt_tokens")
        json.integer(explanation.needs.tokens)
        json.key("answer_tokens")
        json.integer(explanation.needs.answer)
        let needed = explanation.needs.required.union(explanation.needs.wished)
        for (name, ability) in [
            ("vision", Capabilities.vision), ("tools", .tools), ("json_mode", .jsonMode), ("thinking", .thinking),
        ] {
            json.key(name)
            json.bool(needed.contains(ability))
        }
        json.endObject()
        json.key("choice")
        write(explanation, queue, to: &json)
        json.key("targets")
        json.beginArray()
        for target in explanation.targets { write(target, of: explanation, to: &json) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    /// What would happen.
    private static func write(_ explanation: Explanation, _ queue: Configuration.Queue, to json: inout JSONWriter) {
        json.beginObject()
        json.key("what")
        if let choice = explanation.choice {
            let target = explanation.targets[choice.target]
            json.string("served")
            json.key("backend")
            json.string(target.options[choice.option].backend.identity.name)
            json.key("model")
            json.string(target.model)
            json.key("reason")
            json.string(target.options[choice.option].reason.text)
        } else if let error = explanation.error {
            json.string("refused")
            json.key("status")
            json.integer(error.status)
            json.key("message")
            json.string(error.message)
        } else {
            json.string(queue.enabled && queue.maxSize > 0 ? "waits" : "refused")
            json.key("message")
            json.string("Every backend that could be asked runs as many requests as it may.")
        }
        json.endObject()
    }

    private static func write(
        _ target: Explanation.Target, of explanation: Explanation, to json: inout JSONWriter
    ) {
        json.beginObject()
        json.key("model")
        json.string(target.model)
        if let backend = target.backend {
            json.key("only_backend")
            json.string(backend)
        }
        json.key("candidates")
        json.beginArray()
        for option in target.options.prefix(limit) { write(option, to: &json) }
        json.endArray()
        json.key("left_out")
        json.beginArray()
        for one in target.leftOut.prefix(limit) {
            json.beginObject()
            json.key("backend")
            json.string(one.backend.identity.name)
            json.key("reason")
            json.string(one.why.words(kind: explanation.request.kind.name))
            json.endObject()
        }
        json.endArray()
        json.key("omitted")
        json.integer(max(0, target.options.count - limit) + max(0, target.leftOut.count - limit))
        json.endObject()
    }

    private static func write(_ option: Explanation.Option, to json: inout JSONWriter) {
        let (backend, facts) = (option.backend, option.facts)
        json.beginObject()
        json.key("backend")
        json.string(backend.identity.name)
        if let score = option.score {
            json.key("score")
            json.number((score.total * 100).rounded() / 100)
            json.key("parts")
            ContractEncoder.write(score, to: &json)
        }
        json.key("has_place")
        json.bool(option.hasPlace)
        json.key("left_alone")
        json.bool(facts.asideUntil > 0)
        json.key("priority")
        json.integer(facts.priority)
        json.key("in_flight")
        json.integer(backend.counters.inFlight)
        json.key("in_flight_of_others")
        json.integer(backend.counters.foreign)
        json.key("slots")
        if let slots = backend.counters.slots { json.integer(slots) } else { json.null() }
        json.key("model_state")
        json.string(facts.readiness.word)
        json.key("ttft_ms")
        if facts.firstToken > 0 { json.number(facts.firstToken.rounded()) } else { json.null() }
        json.key("failures_in_a_row")
        json.integer(facts.failures)
        json.key("error_rate")
        json.number((facts.errorRate * 10_000).rounded() / 10_000)
        json.endObject()
    }
}

extension ErrorBody {
    /// - Parameter path: given as the endpoint of a request that is to be explained.
    static func unknownEndpoint(_ path: String) -> ErrorBody {
        ErrorBody(
            status: 400,
            message:
                "\(EntryLimits.cut(path, to: 200)) is no path of a request to a model; endpoint must be one, such as "
                + "/v1/chat/completions or /v1/messages.",
            param: "endpoint", code: "unknown_endpoint")
    }
}
