import AdapterHost
import Core
import Dialects
import HTTP1
import NIOCore

/// What is done with a request once it has been read.
extension ClientConnection {
    func dispatch(_ body: ByteBuffer) {
        phase = .answering
        guard let route = Route(path: path) else {
            return refuseKeeping(
                ErrorBody(
                    status: 404, message: "Unknown path \(EntryLimits.cut(path, to: 200)); see GET / for what is here.",
                    code: "unknown_path"))
        }
        switch (route, head.method) {
        case (.exchange, .post) where isReserve || loop.isShortOfDescriptors: refuseRecorded(.outOfDescriptors)
        case (.exchange(let kind), .post): startExchange(kind, body)
        case (.ollamaShow, .post), (.runAction, .post):
            guard body.readableBytes <= Limits.command else { return refuseKeeping(.commandTooLarge(Limits.command)) }
            if route == .ollamaShow { showModel(body) } else { command(route, head.method, body) }
        case (.ollamaShow, _): methodNotAllowed(route)
        case (.ollamaManagement, _): refuseKeeping(.ollamaManagement(path))
        case (.storedResponse, _): refuseKeeping(.storedResponse)
        case (.exchange, _): methodNotAllowed(route)
        case (.webSocket, .get):
            refuseKeeping(
                ErrorBody(status: 400, message: "This path speaks WebSocket only; send an upgrade request."))
        case (.reload, .get), (.reload, .head), (.runAction, .get), (.runAction, .head), (.action, .get),
            (.action, .head):
            methodNotAllowed(route)
        case (_, .get), (_, .head): answerLocally(route)
        case (_, let method) where route.isCommand(method): command(route, method, body)
        default: methodNotAllowed(route)
        }
    }

    func methodNotAllowed(_ route: Route) {
        refuseKeeping(
            ErrorBody(
                status: 405, message: "This path takes \(route.allow) only.", code: "method_not_allowed",
                allow: route.allow))
    }

    func startExchange(_ kind: RequestKind, _ body: ByteBuffer) {
        let draft = RequestDraft(kind: kind, path: path, contentType: contentType, body: body)
        guard draft.isLarge else {
            let loop = loop
            return prepared(Result { () throws(RequestPeekError) in try draft.request(resolve: loop.resolved) })
        }
        preparation = RequestPreparation.start(draft, for: self)
        if preparation == nil { refuseRecorded(.overloaded) }
    }

    /// The body of the request under way was looked into.
    func prepared(_ result: Result<ClientRequest, RequestPeekError>) {
        preparation = nil
        switch result {
        case .failure(let error): refuseRecorded(ErrorBody(error), model: error.model)
        case .success(let request):
            let exchange = Exchange(request, arrival: arrival, connection: self, loop: loop)
            self.exchange = exchange
            exchange.start()
        }
    }

    /// Refused before a backend could be chosen; recorded all the same.
    func refuseRecorded(_ error: ErrorBody, model: String = "") {
        record(error, model: model)
        refuseKeeping(error)
    }

    /// Records a request for which no backend was chosen.
    func record(_ error: ErrorBody, model: String = "") {
        let milliseconds = (loop.eventLoop.now - arrival).nanoseconds / 1_000_000
        var entry = HistoryEntry(
            timestamp: Clock.wallSeconds(), model: model, backendID: HistoryEntry.noBackend,
            durationMilliseconds: UInt64(max(0, milliseconds)), status: .error, errorMessage: error.message)
        entry.requestID = requestID
        entry.statusCode = error.status
        entry.endpoint = path
        loop.shared.journal.record(entry)
    }

    func answerLocally(_ route: Route) {
        let (answers, query) = (loop.shared.localAnswers, query)
        answer(size: answers.size(of: route)) { answers.answer(route, query: query) }
    }

    /// Makes an answer here if it is small, else on another thread.
    func answer(size: Int, _ make: @escaping @Sendable () -> LocalAnswer) {
        guard size > LocalAnswers.inlineLimit else { return answer(make()) }
        let later = LaterAnswer(connection: self)
        self.later = later
        let remote = later.remote
        if !loop.shared.work.submit(size: size, { remote.answer(make()) }) { later.answer(.error(.overloaded)) }
    }

    func answer(_ answer: LocalAnswer) {
        write(answer)
        answered()
    }

    func showModel(_ body: ByteBuffer) {
        let answers = OllamaAnswers(state: loop.shared)
        answer(size: loop.shared.localAnswers.size(of: .ollama(.tags))) { answers.show(body) }
    }

    func command(_ route: Route, _ method: RequestHead.Method, _ body: ByteBuffer) {
        let later = LaterAnswer(connection: self)
        self.later = later
        let command = OperatorCommand(
            route: route, method: method, query: query, body: body, wantsEvents: head.acceptsEventStream)
        loop.shared.operatorAnswers.run(command, later)
    }

    func handOver(_ headBytes: ByteBuffer, rest: ByteBuffer) throws {
        guard let context else { return }
        let key = try WebSocketUpgrade.key(of: head, headBytes)
        guard loop.takesSessions else { throw ErrorBody.outOfDescriptors }
        phase = .handedOver
        pending = nil
        WebSocketUpgrade.takeOver(
            context: context, handler: self, key: key, rest: rest, loop: loop,
            query: WebSocketQuery(query))
    }
}
