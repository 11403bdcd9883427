import Core
import NIOCore

/// The exchange behind an attempt, as the adapter's calls reach it. All on the exchange's event loop.
public protocol AttemptSink: AnyObject {
    /// The request's body, alias resolved.
    var requestBody: ByteBuffer { get }
    /// False: not allowed now.
    /// - Parameter contentType: nil: the one that fits what the client asked for.
    func attemptBegan(status: Int, contentType: AnswerType?) -> Bool
    /// More is waiting for the client than may be.
    var attemptIsOverfull: Bool { get }
    /// False: not allowed now. The bytes are sent with the next flush.
    func attemptWrote(_ bytes: ByteBuffer) -> Bool
    func attemptFlush()
    /// False: not allowed now.
    func attemptFinished(_ outcome: ExchangeOutcome) -> Bool
    func attemptFailed(_ failure: ExchangeFailure)
}

/// Content type of an answer; the common two without a string.
public enum AnswerType: Sendable, Equatable {
    case json
    case eventStream
    case other(String)
}
