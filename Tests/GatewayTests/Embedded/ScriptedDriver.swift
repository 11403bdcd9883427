import Core
import JSON
import NIOCore

/// A backend whose attempts the test drives: it keeps what it was given. All on one thread.
final class ScriptedDriver: BackendDriver, @unchecked Sendable {
    /// One attempt, in the test's hands.
    final class Attempt: Core.Attempt {
        let request: SubmittedRequest
        let body: String
        let sink: any AttemptSink
        private(set) var isCancelled = false
        private(set) var isPaused = false

        init(_ request: SubmittedRequest, _ sink: any AttemptSink) {
            self.request = request
            self.sink = sink
            body = String(buffer: sink.requestBody)
        }

        func cancel() { isCancelled = true }
        func setPaused(_ paused: Bool) { isPaused = paused }

        /// Answers whole.
        func answer(_ text: String, outcome: ExchangeOutcome = ExchangeOutcome()) {
            _ = sink.attemptBegan(AttemptHead(status: 200))
            _ = sink.attemptWrote(ByteBuffer(string: text))
            _ = sink.attemptFinished(outcome)
        }

        func begin(_ type: AnswerType? = nil) {
            _ = sink.attemptBegan(AttemptHead(status: 200, contentType: type))
        }

        @discardableResult func write(_ text: String) -> AttemptReply {
            defer { sink.attemptFlush() }
            return sink.attemptWrote(ByteBuffer(string: text))
        }

        func finish() { _ = sink.attemptFinished(ExchangeOutcome()) }

        func fail(_ kind: ExchangeFailure.Kind, status: Int = 0, _ message: String = "broken") {
            sink.attemptFailed(ExchangeFailure(kind: kind, status: status, message: message))
        }
    }

    private(set) var attempts: [Attempt] = []
    /// Kinds it takes; empty: all.
    let kinds: [RequestKind]

    init(kinds: [RequestKind] = []) { self.kinds = kinds }

    var isUsable: Bool { true }
    var taskCount: Int { 0 }
    var offeredActions: [BackendAction] { [] }

    func supports(_ kind: RequestKind, told: UInt32) -> Bool { kinds.isEmpty || kinds.contains(kind) }

    func submit(
        _ request: SubmittedRequest, sink: any AttemptSink, on loop: any EventLoop, deadline: NIODeadline
    ) -> (any Core.Attempt)? {
        let attempt = Attempt(request, sink)
        attempts.append(attempt)
        return attempt
    }

    func probe(on loop: any EventLoop, timeout: TimeAmount, ended: @escaping () -> Void) { ended() }

    func action(
        named name: String, arguments: JSONValue, id: String, tell: @escaping @Sendable (ActionEvent) -> Void
    ) throws(ActionRefusal) -> any ActionRunning { throw .notOffered }

    func retire() {}
    func closeConnections(on loop: any EventLoop) {}
    func end() async {}
}
