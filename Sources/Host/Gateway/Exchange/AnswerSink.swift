import Core
import NIOCore

/// Where the answer to one request goes: the client's connection. On its event loop.
protocol AnswerSink: AnyObject {
    /// The client takes more right now.
    var isWritable: Bool { get }
    /// More waits for the client than may be. Asked before each piece, so it is cheap while the client takes what comes.
    var isOverfull: Bool { get }
    /// It is overfull since the memory of all is used up.
    var isOutOfMemory: Bool { get }

    /// The body of the request turned out to have so many bytes. False if the memory of all is used up.
    func countRequest(_ bytes: Int) -> Bool
    /// The request is not needed any more, though its answer goes on.
    func requestIsDone()

    /// Writes a whole answer of a backend's.
    func writeWhole(status: Int, type: AnswerType, origin: AnswerOrigin, body: ByteBuffer)
    /// Writes a whole answer of the gateway's own.
    func write(_ answer: LocalAnswer)
    func writeError(_ error: ErrorBody, origin: AnswerOrigin?)
    /// Tells of the failure of the last attempt.
    func writeFailure(_ failure: ExchangeFailure, body: [UInt8], origin: AnswerOrigin)

    /// Begins an answer in pieces; `writePiece` and one `endPieces` follow, or `abort`.
    func beginPieces(status: Int, type: AnswerType, origin: AnswerOrigin?, first: ByteBuffer)
    func writePiece(_ piece: inout ByteBuffer)
    /// - Parameter last: a piece to send before the end; may be empty.
    func endPieces(with last: [UInt8])
    func flush()

    /// A committed answer cannot be completed: the client must not take it for whole.
    func abort()
    /// The answer is complete, or there is none: the next request may come.
    func answered()
}

extension AnswerSink {
    func endPieces() { endPieces(with: []) }
}

/// What a head says of the way an answer took.
struct AnswerOrigin {
    var backend: String?
    var attempts: Int
    var reason: String?
    /// The model that has answered, if it is not the first that the client's name stands for.
    var fallback: String?
    /// What of the request was left out.
    var warning: String?
    /// The server's, for the client.
    var fields: [HeaderField] = []
    /// The type of the answer in the server's words; nil: the gateway's.
    var contentType: String?
}
