import AdapterHost
import Compression
import Core
import HTTP1
import NIOCore

/// What is done with the requests of one connection: finds the route before the body is read, and has the request answered
/// once it has been. Knows nothing of how requests and answers are framed. On the connection's event loop.
final class RequestService {
    /// What becomes of a request whose head has been read.
    enum Admission {
        /// Its body is read, up to so many bytes, and `serve` follows.
        case body(BodyLimit)
        /// This is its answer; its body is not read.
        case refused(ErrorBody)
        /// The same in other words than those of an error.
        case answered(LocalAnswer)
        /// OPTIONS: the methods that the path takes are told; its body is of no interest.
        case options(allow: String)
        /// The connection becomes a WebSocket.
        case webSocket(WebSocketQuery)
    }

    private let loop: LoopState
    /// The connection has the service, and outlives what the service has under way.
    private unowned let client: any AnswerSink
    private var context: RequestContext?
    private var route: Route?
    private var values: [String] = []
    /// The name of the only backend that may be asked; nil: any.
    private var onlyBackend: String?
    /// Around the body, in the order in which they were applied.
    private var codings: [ContentCoding] = []
    /// Bytes of the body, once they are off.
    private var limit = BodyLimit.command
    /// The path of the request admitted last is one of the clients' APIs, or none.
    private(set) var isForClients = true
    private(set) var exchange: Exchange?
    private var later: LaterAnswer?
    private var preparation: RequestPreparation?

    init(loop: LoopState, client: any AnswerSink) {
        self.loop = loop
        self.client = client
    }

    // MARK: Before the body

    /// - Parameters:
    ///   - upgrades: the client asks for a WebSocket.
    ///   - isReserve: the connection is one too many: it gets small answers only.
    ///   - host: what the client calls the gateway, with its port; nil: it does not say.
    func admit(
        _ context: RequestContext, upgrades: Bool, isReserve: Bool, host: @autoclosure () -> String?
    ) -> Admission {
        self.context = context
        isForClients = true
        switch RouteTable.gateway.match(context.method, context.path) {
        // OPTIONS of the host as a whole (RFC 9110, section 9.3.7).
        case .unknownPath where context.method == .options && context.path == "*":
            return .options(allow: "GET, HEAD, POST, PATCH, DELETE, OPTIONS")
        case .unknownPath:
            // Behind a proxy the address is the proxy's, of which the scheme is not known.
            let name = context.isForwarded ? nil : host().flatMap { $0.isEmpty ? nil : $0 }
            let origin = name.map { "\(context.isTLS ? "https" : "http")://\($0)" }
            let meant = RouteTable.gateway.meant(context.method, context.path)
            return .refused(.unknownPath(context.path, meant: meant, origin: origin))
        case .otherMethod(let allow, let isForClients):
            self.isForClients = isForClients
            return isForClients && context.method == .options
                ? .options(allow: allow + ", OPTIONS") : .refused(.methodNotAllowed(allow))
        case .route(let route, let values):
            isForClients = route.isForClients
            self.route = route
            self.values = values
            if let error = AccessGate.refusal(route.access, context, loop.settings) {
                return refused(error, route, context)
            }
            switch route.handler {
            case .refuse(let error): return .refused(error(context))
            case .webSocket:
                guard upgrades, context.method == .get else { return .refused(.webSocketOnly) }
                let query = WebSocketQuery(context.query)
                if query.watched != nil {
                    guard loop.settings.showsContent else { return .refused(.contentHidden) }
                    // Also where everybody may see the page.
                    if let error = AccessGate.refusal(.operator, context, loop.settings) {
                        return refused(error, route, context)
                    }
                }
                return .webSocket(query)
            case .exchange:
                guard !isReserve, !loop.isShortOfDescriptors else {
                    record(.outOfDescriptors)
                    return .refused(.outOfDescriptors)
                }
                guard context.priority != nil else {
                    record(.badPriority)
                    return .refused(.badPriority)
                }
                onlyBackend = nil
                if let wanted = context.onlyBackend {
                    // Who says which backend is asked goes round the operator's rules of routing.
                    if let error = AccessGate.refusal(.operator, context, loop.settings) {
                        record(error)
                        return .refused(.notForClients("x-nexus-backend", error))
                    }
                    guard let name = loop.snapshot.onlyBackend(wanted) else {
                        let error = ErrorBody.unknownOnlyBackend(
                            wanted, among: loop.snapshot.backends.map(\.identity.name))
                        record(error)
                        return .refused(error)
                    }
                    if let scope = context.scope, !scope.has(backend: name) {
                        let error = ErrorBody.backendNotAllowed
                        record(error)
                        return .refused(error)
                    }
                    onlyBackend = name
                }
                if let key = context.key {
                    do throws(LimitReached) {
                        try key.usage.mayTake(key.rule.limits, now: loop.eventLoop.now.uptimeNanoseconds)
                    } catch {
                        let error = ErrorBody(error)
                        record(error)
                        return .refused(error)
                    }
                }
            case .answer, .later, .lookup: break
            }
            return admitBody(route.body, context.contentEncoding)
        }
    }

    /// Not recorded among the requests: strangers must not push out what others want to see there.
    private func refused(_ error: ErrorBody, _ route: Route, _ context: RequestContext) -> Admission {
        loop.shared.door.refused(error, context, loop.shared.logs.operators)
        // Who opens the page in a browser is asked for his key there.
        guard context.path == "/", context.query.isEmpty, loop.settings.keyring.hasOperators else {
            return .refused(error)
        }
        return .answered(SignInAnswers.form(status: error.status))
    }

    private func admitBody(_ body: Route.Body, _ contentEncoding: String) -> Admission {
        codings = []
        do throws(ContentCoding.Refusal) {
            if !contentEncoding.isEmpty { codings = try ContentCoding.list(contentEncoding) }
        } catch {
            return .refused(ErrorBody(error))
        }
        limit =
            switch body {
            case .request: .request(loop.settings.maximumBody)
            case .command: .command
            }
        return .body(limit)
    }

    // MARK: With the body

    /// Has the request answered that was admitted last.
    /// - Parameter body: as it came.
    func serve(_ body: ByteBuffer) {
        if codings.isEmpty { return serveDecoded(body) }
        let decoding = BodyDecoding(codings, body, limit: limit, memory: loop.shared.memory)
        do throws(ErrorBody) {
            if try decoding.runInline() { return decoded(.success(decoding.decoded)) }
        } catch {
            return decoded(.failure(error))
        }
        preparation = RequestPreparation.start(
            size: decoding.size, for: self, on: loop,
            { Result { () throws(ErrorBody) in try decoding.finish() } }, then: { $0.decoded($1) })
        if preparation == nil { refuse(.overloaded) }
    }

    private func decoded(_ result: Result<ByteBuffer, ErrorBody>) {
        preparation = nil
        switch result {
        case .failure(let error): refuse(error)
        case .success(let body):
            guard client.countRequest(body.readableBytes) else { return refuse(.outOfMemory) }
            serveDecoded(body)
        }
    }

    private func serveDecoded(_ given: ByteBuffer) {
        guard let context, let route else { return }
        var body = given
        // A byte order mark that some editors and libraries put before JSON (RFC 8259, section 8.1).
        if body.getInteger(at: body.readerIndex, as: UInt8.self) == 0xEF { ByteOrderMark.skip(&body) }
        let call = RouteCall(state: loop.shared, context: context, values: values, body: body)
        switch route.handler {
        case .exchange(let kind): startExchange(kind, call)
        case .answer(let size, let answer):
            self.answer(size: size(loop.shared)) { answer(call).packed(for: call.context) }
        case .later(let run):
            let later = beginLater()
            if route.access == .operator { later.onStatus = AuditAnswers(state: loop.shared).note(context) }
            run(call, later)
        case .lookup(let run): run(call, beginLater())
        // Answered before the body.
        case .refuse, .webSocket: break
        }
    }

    private func startExchange(_ kind: RequestKind, _ call: RouteCall) {
        let draft = RequestDraft(
            kind: kind, path: call.context.path, contentType: call.context.contentType, body: call.body,
            keepsOriginal: loop.settings.captures != nil)
        guard draft.isLarge else {
            let names = names()
            do throws(RequestPeekError) {
                return try startExchange(draft.request(names: names))
            } catch {
                return refuse(ErrorBody(error), model: error.model)
            }
        }
        let names = names()
        preparation = RequestPreparation.start(
            size: draft.body.readableBytes, for: self, on: loop,
            { Result { () throws(RequestPeekError) in try draft.request(names: names) } },
            then: { $0.prepared($1) })
        if preparation == nil { refuse(.overloaded) }
    }

    private func names() -> ModelNames {
        var names = loop.names()
        names.onlyBackend = onlyBackend
        names.scope = context?.scope
        return names
    }

    /// The body of the request under way was looked into.
    func prepared(_ result: Result<ClientRequest, RequestPeekError>) {
        preparation = nil
        switch result {
        case .failure(let error): refuse(ErrorBody(error), model: error.model)
        case .success(let request): startExchange(request)
        }
    }

    private func startExchange(_ request: consuming ClientRequest) {
        guard let context else { return }
        guard request.isAllowed else { return refuse(.modelNotAllowed(request.peek.model), model: request.peek.model) }
        let client = client
        let exchange = Exchange(request, context: context, client: client, loop: loop) { [weak self] in
            self?.exchange = nil
            client.answered()
        }
        self.exchange = exchange
        exchange.start()
    }

    /// Refuses a request before a backend could be chosen; it is recorded all the same.
    func refuse(_ error: ErrorBody, model: String = "") {
        record(error, model: model)
        client.writeError(error, origin: nil)
        client.answered()
    }

    /// Records a request that was for a backend when none was chosen.
    func record(_ error: ErrorBody, model: String = "") {
        guard let context, case .exchange? = route?.handler else { return }
        if let key = context.key, error.status == 403 || error.status == 429 {
            if error.status == 403 { key.usage.wasRefused() }
            guard key.usage.showsRefusal(now: loop.eventLoop.now.uptimeNanoseconds) else { return }
        }
        var timeline = Timeline(arrival: context.arrival)
        timeline.append(.ended(.error(error.status, error.message)), at: loop.eventLoop.now)
        var request = ExchangeRecord.Request(
            id: context.id, model: model, endpoint: context.path, client: context.peer, key: context.key?.name)
        request.trace = loop.trace(context)
        loop.record(request, timeline)
    }

    // MARK: Answers of the gateway's own

    /// Makes an answer here if it is small, else on another thread.
    private func answer(size: Int, _ make: @escaping @Sendable () -> LocalAnswer) {
        guard size > AnswerSize.inlineLimit else {
            client.write(make())
            return client.answered()
        }
        let later = beginLater()
        let remote = later.remote
        if !loop.shared.work.submit(size: size, { remote.answer(make()) }) { later.answer(.error(.overloaded)) }
    }

    private func beginLater() -> LaterAnswer {
        let client = client
        let later = LaterAnswer(client: client, eventLoop: loop.eventLoop) { [weak self] in
            self?.later = nil
            client.answered()
        }
        self.later = later
        return later
    }

    // MARK: What the connection tells

    /// The client closed its connection.
    func clientGone() {
        let (exchange, later, preparation) = (exchange, later, preparation)
        self.exchange = nil
        self.later = nil
        self.preparation = nil
        preparation?.clientGone()
        exchange?.clientGone()
        later?.clientGone()
    }

    /// The gateway stops and waits no longer.
    func stop() {
        let preparation = preparation
        self.preparation = nil
        preparation?.stop()
        exchange?.stop()
    }

    /// Ends an exchange that is under way, and tells the client why if that is still possible.
    func end(with error: ErrorBody) { _ = exchange?.end(with: error) }

    /// Bytes of the memory of all that the exchange holds.
    var heldBytes: Int { exchange?.heldMemory.bytes ?? 0 }

    /// Slow clients push back.
    func setPaused(_ paused: Bool) { exchange?.setPaused(paused) }

    /// Ends what takes longer than it may.
    func lookAtTime(now: NIODeadline) { exchange?.lookAtTime(now: now) }

    func keepAlive(after interval: TimeAmount, now: NIODeadline) { exchange?.keepAlive(after: interval, now: now) }
}
