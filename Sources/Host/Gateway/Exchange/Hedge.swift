import AdapterHost
import Core
import Dialects
import NIOCore

/// A second attempt of an exchange, beside the first: what its backend says is kept or told until it leads, and is the exchange's
/// own from then on. Decides nothing itself. Lives on the exchange's event loop.
final class Hedge: AttemptSink {
    private enum State {
        case racing
        /// The exchange goes on with it.
        case leading
        case over
    }

    private let exchange: Exchange
    let backend: BackendSnapshot
    let reason: RouteReason
    let start: NIODeadline
    let trial: BreakerGate.Trial?
    /// The request as it is sent.
    let requestBody: ByteBuffer
    /// Nil: in the client's own words.
    let translation: Translation?
    var task: (any Attempt)?
    private(set) var head: AttemptHead?
    private var places: Places?
    private var modelAttempt: ModelStanding.Attempt?
    private var memory: MemoryShare
    private var state = State.racing

    init(
        _ exchange: Exchange, at backend: BackendSnapshot, reason: RouteReason, places: consuming Places,
        trial: BreakerGate.Trial?, modelAttempt: consuming ModelStanding.Attempt?, translation: Translation?
    ) {
        self.exchange = exchange
        self.backend = backend
        self.reason = reason
        self.places = consume places
        self.trial = trial
        self.modelAttempt = consume modelAttempt
        self.translation = translation
        start = exchange.now
        requestBody = translation.map { ByteBuffer(bytes: $0.body) } ?? exchange.forms.request.body
        memory = MemoryShare(of: exchange.loop.shared.memory)
    }

    /// False: there is no memory for its request.
    func countBody() -> Bool { translation == nil || memory.set(requestBody.readableBytes) }

    /// The exchange goes on with it, and takes over what it has.
    func lead() {
        state = .leading
        _ = memory.set(0)
        exchange.places = places.take()
        exchange.modelAttempt = modelAttempt.take()
    }

    /// It is over, and gives back what it has.
    func end() {
        state = .over
        _ = memory.set(0)
        task = nil
        modelAttempt = nil
        if let places = places.take() { places.end() }
    }

    // MARK: What its backend says

    func attemptBegan(_ head: AttemptHead) -> Bool {
        switch state {
        case .racing:
            guard self.head == nil else { return false }
            self.head = head
            return true
        case .leading: return exchange.attemptBegan(head)
        case .over: return false
        }
    }

    var attemptIsOverfull: Bool { state == .leading && exchange.attemptIsOverfull }
    var attemptIsOutOfMemory: Bool { state == .leading && exchange.attemptIsOutOfMemory }

    func attemptWrote(_ bytes: ByteBuffer) -> AttemptReply { leads() ? exchange.attemptWrote(bytes) : .refused }

    func attemptFlush() { if state == .leading { exchange.attemptFlush() } }

    func attemptSaw(_ sign: AttemptSign) {
        switch state {
        case .racing: exchange.dispatch.hedgeSaw(sign, now: exchange.now)
        case .leading: exchange.attemptSaw(sign)
        case .over: break
        }
    }

    func attemptFinished(_ outcome: ExchangeOutcome) -> AttemptReply {
        leads() ? exchange.attemptFinished(outcome) : .refused
    }

    func attemptFailed(_ failure: ExchangeFailure) {
        switch state {
        case .racing: exchange.hedgeFailed(self, failure)
        case .leading: exchange.attemptFailed(failure)
        case .over: break
        }
    }

    /// Its answer begins, or goes on: it leads, unless the first one has begun before.
    private func leads() -> Bool {
        if state == .racing, head != nil { exchange.hedgeAnswers(self) }
        return state == .leading
    }
}
