import Core
import NIOCore

/// An answer that is not known yet when its request has been read: it comes whole (`answer`), or in pieces (`begin`,
/// `write`, `end`). Lives on the connection's event loop; `remote` reaches it from any thread. What comes after the end, or
/// after the client has gone, is ignored.
final class LaterAnswer {
    private enum Progress { case nothing, pieces, over }

    private var client: (any AnswerSink)?
    private var onEnd: (() -> Void)?
    private var progress = Progress.nothing
    private var gone: (() -> Void)?
    /// Told once how it was answered: the status, and the body if it came whole; 499 if the client did not wait.
    var onStatus: ((Int, [UInt8]) -> Void)?
    let eventLoop: any EventLoop

    /// - Parameter onEnd: called when it is complete; not if the client has gone.
    init(client: any AnswerSink, eventLoop: any EventLoop, onEnd: @escaping () -> Void) {
        self.client = client
        self.eventLoop = eventLoop
        self.onEnd = onEnd
    }

    var isOver: Bool { progress == .over }

    /// The client takes more right now. What is written while it does not is kept in memory, so a writer of many pieces asks.
    var isWritable: Bool { client?.isWritable ?? false }

    /// - Parameter action: called once if the client goes away before the end of the answer.
    func onClientGone(_ action: @escaping () -> Void) { gone = action }

    // MARK: The answer

    /// Gives the whole answer. Only before `begin`.
    func answer(_ answer: LocalAnswer) {
        guard progress == .nothing, let client else { return }
        note(answer.status, answer.body)
        client.write(answer)
        finish()
    }

    /// Begins an answer in pieces.
    func begin(status: Int = 200, type: AnswerType) {
        guard progress == .nothing, let client else { return }
        progress = .pieces
        note(status)
        client.beginPieces(status: status, type: type, origin: nil, first: ByteBuffer())
        client.flush()
    }

    /// Sends a piece at once. Only after `begin`.
    func write(_ bytes: [UInt8]) {
        guard progress == .pieces, let client, !bytes.isEmpty else { return }
        var piece = ByteBuffer(bytes: bytes)
        client.writePiece(&piece)
        client.flush()
    }

    /// Ends an answer in pieces.
    func end() {
        guard progress == .pieces, let client else { return }
        client.endPieces()
        finish()
    }

    private func note(_ status: Int, _ body: [UInt8] = []) {
        onStatus?(status, body)
        onStatus = nil
    }

    private func finish() {
        progress = .over
        let onEnd = onEnd
        forget()
        onEnd?()
    }

    /// What the answer holds keeps a connection in memory.
    private func forget() {
        client = nil
        gone = nil
        onEnd = nil
    }

    // MARK: The connection's side

    func clientGone() {
        guard progress != .over else { return }
        progress = .over
        note(499)
        let gone = gone
        forget()
        gone?()
    }

    // MARK: Other threads

    /// The same answer for other threads: what is done to it is done in a later turn of the connection's loop, in order.
    struct Remote: Sendable {
        fileprivate let answer: NIOLoopBound<LaterAnswer>
        fileprivate let eventLoop: any EventLoop

        func answer(_ whole: LocalAnswer) { run { $0.answer(whole) } }

        func run(_ action: @escaping @Sendable (LaterAnswer) -> Void) {
            let answer = answer
            eventLoop.execute { action(answer.value) }
        }
    }

    var remote: Remote { Remote(answer: NIOLoopBound(self, eventLoop: eventLoop), eventLoop: eventLoop) }
}
