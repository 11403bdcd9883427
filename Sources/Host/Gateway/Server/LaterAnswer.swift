import AdapterHost
import NIOCore

/// An answer that is not known yet when its request has been read: it comes whole (`answer`), or in pieces (`begin`,
/// `write`, `end`). Lives on the connection's event loop; `remote` reaches it from any thread. What comes after the end, or
/// after the client has gone, is ignored.
final class LaterAnswer {
    private enum Progress { case nothing, pieces, over }

    private var connection: ClientConnection?
    private var progress = Progress.nothing
    private var gone: (() -> Void)?
    private let eventLoop: any EventLoop

    init(connection: ClientConnection) {
        self.connection = connection
        eventLoop = connection.loop.eventLoop
    }

    var isOver: Bool { progress == .over }

    /// The client takes more right now. What is written while it does not is kept in memory, so a writer of many pieces asks.
    var isWritable: Bool { connection?.isWritable ?? false }

    /// - Parameter action: called once if the client goes away before the end of the answer.
    func onClientGone(_ action: @escaping () -> Void) { gone = action }

    // MARK: The answer

    /// Gives the whole answer. Only before `begin`.
    func answer(_ answer: LocalAnswer) {
        guard progress == .nothing, let connection else { return }
        connection.write(answer)
        finish()
    }

    /// Begins an answer in pieces.
    func begin(status: Int = 200, type: AnswerType) {
        guard progress == .nothing, let connection else { return }
        progress = .pieces
        connection.beginPieces(status: status, type: type)
        connection.flush()
    }

    /// Sends a piece at once. Only after `begin`.
    func write(_ bytes: [UInt8]) {
        guard progress == .pieces, let connection, !bytes.isEmpty else { return }
        var piece = ByteBuffer(bytes: bytes)
        connection.writePiece(&piece)
        connection.flush()
    }

    /// Ends an answer in pieces.
    func end() {
        guard progress == .pieces, let connection else { return }
        connection.endPieces()
        finish()
    }

    private func finish() {
        progress = .over
        let connection = connection
        self.connection = nil
        gone = nil
        connection?.laterAnswerEnded()
    }

    // MARK: The connection's side

    func clientGone() {
        guard progress != .over else { return }
        progress = .over
        connection = nil
        let gone = gone
        self.gone = nil
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
