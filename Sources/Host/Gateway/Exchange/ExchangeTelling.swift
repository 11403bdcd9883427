import Core
import Dialects
import NIOCore

/// How the client is told what is not an answer of a backend's: errors, comments, answers of the gateway's own.
extension Exchange {
    private var dialect: Dialect { context.dialect }

    /// A client with a key of its own is not told how the gateway runs: addresses of servers stand in what connections say.
    var seesReasons: Bool { context.key.map(\.isOperator) ?? true }

    /// Nobody can be asked, or nobody any more.
    func giveUp(_ error: ErrorBody) {
        tell(dispatch.giveUp(status: error.status, message: error.message, now: now), own: error)
    }

    /// The gateway does not go on with the exchange.
    func refuse(_ error: ErrorBody) {
        tell(dispatch.refuse(status: error.status, message: error.message, now: now), own: error)
    }

    /// Tells the client how the exchange has ended, and records it.
    /// - Parameter own: the gateway's own words.
    func tell(_ telling: Dispatch.Telling, own: ErrorBody = .internalError) {
        if capture != nil { captureTelling(telling, own: own) }
        record()
        switch telling {
        case .answer(.own): client.writeError(own, origin: origin)
        case .answer(.failure(let told, _)):
            let failure = seesReasons ? told : told.brief
            let body = dialect.errorBody(failure, requestID: context.id)
            client.writeFailure(failure, body: body, origin: origin)
        case .event(.own): client.endPieces(with: dialect.errorEvent(own, requestID: context.id))
        case .event(.failure(let told, _)):
            let failure = seesReasons ? told : told.brief
            client.endPieces(with: LineSeparators.escaped(dialect.errorEvent(failure, requestID: context.id)))
        case .abort: client.abort()
        }
        onEnd()
    }

    /// An answer of the gateway's own.
    func answerHere(_ bytes: [UInt8]) {
        dispatch.answeredHere(now: now)
        if let glass { glass.tookWhole(ByteBuffer(bytes: bytes)) }
        if let capture { capture.took(bytes) }
        record()
        client.writeWhole(
            status: 200, type: stream ? dialect.streamType : .json, origin: origin, body: ByteBuffer(bytes: bytes))
        onEnd()
    }

    /// Sends a sign of life if the client of a stream has heard nothing for `interval`: a comment, or where the API has an
    /// event for that, that event. An event that is cut over two pieces is never parted.
    func keepAlive(after interval: TimeAmount, now: NIODeadline) {
        guard now - lastSign >= interval else { return }
        let isBetween = answerType == .eventStream && events.isBetweenEvents
        switch dispatch.quiet(betweenPieces: isBetween) {
        case .ignore: return
        case .sendHead:
            answerType = .eventStream
            client.beginPieces(
                status: 200, type: .eventStream, origin: origin,
                first: waitingComment ?? ByteBuffer(staticString: Self.comment))
        case .send:
            // Only behind the event that starts a message: some clients take no other before it.
            let isPing = dispatch.isCommitted && dialect == .anthropic
            var sign =
                isPing
                ? ByteBuffer(bytes: AnthropicPing.event) : waitingComment ?? ByteBuffer(staticString: Self.comment)
            client.writePiece(&sign)
        }
        lastSign = now
        client.flush()
    }

    private static let comment: StaticString = ": keep-alive\n\n"
}

extension ErrorBody {
    static let shuttingDown = ErrorBody(
        status: 503, message: "The gateway is shutting down.", type: "service_unavailable_error",
        code: "shutting_down", retryAfter: 5)

    /// The time of the exchange is over while no attempt is under way.
    static func timedOut(_ failure: ExchangeFailure) -> ErrorBody {
        ErrorBody(
            status: failure.clientStatus, message: "The request was not answered in time: \(failure.message).",
            type: "upstream_error", code: failure.deadline?.code)
    }

    /// Words for what cannot happen.
    static let internalError = ErrorBody(
        status: 500, message: "The gateway has made a mistake; please report it.", type: "api_error",
        code: "internal_error")
}

extension ClientRequest {
    /// Whether comments may stand in the stream that answers it. Ollama's lines know none, and what a request for sound or an
    /// image is answered with is not known before.
    var takesComments: Bool { stream && dialect != .ollama && kind != .audio && kind != .images }
}
