import Core
import Dialects
import NIOCore
import Store

/// Takes what an exchange's client has sent and is sent, up to what is kept of a body: a copy of that many bytes is all that the
/// exchange pays. Lives on its event loop.
final class CaptureTap {
    private let store: CaptureStore
    private let share: CaptureShare
    private let limit: Int
    private let errorsOnly: Bool
    private var request: Capture.Body
    private var answer: [UInt8] = []
    private var answerTotal: UInt64 = 0
    /// There was no room for more.
    private var isFull = false

    /// Nil: such requests are not captured, or there is no room.
    init?(
        _ rules: Configuration.Captures, _ desk: CaptureDesk, _ body: ByteBuffer, type: String, key: String?,
        models: [String]
    ) {
        guard rules.enabled, rules.fits(key: key, models: models), let store = desk.store else { return nil }
        let share = CaptureShare(of: desk.room)
        let count = min(body.readableBytes, rules.maxBodyBytes)
        guard share.grow(by: count) else {
            store.missed()
            return nil
        }
        self.store = store
        self.share = share
        limit = rules.maxBodyBytes
        errorsOnly = rules.errorsOnly
        request = Capture.Body(
            type: type, bytes: body.getBytes(at: body.readerIndex, length: count) ?? [],
            total: UInt64(body.readableBytes))
    }

    /// The client is sent this.
    func took(_ bytes: ByteBuffer) {
        answerTotal &+= UInt64(bytes.readableBytes)
        let count = min(bytes.readableBytes, limit - answer.count)
        guard count > 0, !isFull else { return }
        guard share.grow(by: count) else {
            // What came so far is a part, and no later part may follow it.
            isFull = true
            return
        }
        bytes.withUnsafeReadableBytes { answer += $0.prefix(count) }
    }

    func took(_ bytes: [UInt8]) { took(ByteBuffer(bytes: bytes)) }

    /// The exchange has ended.
    func end(_ record: ExchangeRecord.Request, _ timeline: Timeline, wall: Int64, backend: String?, type: String) {
        guard case .ended(let end)? = timeline.entries.last?.event, let last = timeline.entries.last else { return }
        let failed = end.status == .error
        guard failed || !errorsOnly else { return }
        let milliseconds = UInt64(max(0, (last.time - timeline.arrival).nanoseconds)) / 1_000_000
        store.take(
            Capture(
                endedAt: wall, requestID: record.id, key: record.key, client: record.client?.ipAddress ?? "",
                endpoint: record.endpoint, model: record.model, backend: backend, status: end.code, failed: failed,
                stream: record.stream, milliseconds: milliseconds, request: request,
                answer: Capture.Body(type: type, bytes: answer, total: answerTotal)),
            share)
    }
}

extension Exchange {
    /// As a client reads it in the head of the answer.
    var shownAnswerType: String {
        if let exactType { return exactType }
        switch answerType {
        case .json: return "application/json"
        case .eventStream: return "text/event-stream"
        case .jsonLines: return "application/x-ndjson"
        case .other(let text): return text
        }
    }

    /// To be called when `dispatch` is over, with everything that the client is sent taken.
    func endCapture(_ record: ExchangeRecord.Request) {
        guard let tap = capture.take() else { return }
        tap.end(
            record, dispatch.timeline, wall: Clock.wallSeconds(), backend: backend?.identity.id, type: shownAnswerType)
    }

    /// What the client is told of the end, in its API's words, is part of its answer.
    func captureTelling(_ telling: Dispatch.Telling, own: ErrorBody) {
        guard let capture else { return }
        switch telling {
        case .answer(.own): capture.took(context.dialect.errorBody(own, requestID: context.id))
        case .answer(.failure(let failure, _)): capture.took(context.dialect.errorBody(failure, requestID: context.id))
        case .event(.own): capture.took(context.dialect.errorEvent(own, requestID: context.id))
        case .event(.failure(let failure, _)):
            capture.took(LineSeparators.escaped(context.dialect.errorEvent(failure, requestID: context.id)))
        case .abort: break
        }
    }
}
