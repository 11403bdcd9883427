/// What is seen of an attempt on its way to the server and back, besides what its adapter says. Each is a sign that
/// something goes on; which limit of time counts next depends on the last of them (`Deadlines`).
public enum AttemptSign: Sendable, Equatable {
    /// A connection to the server is being made: first its name and TCP.
    case connecting
    /// TCP is connected; the TLS handshake has begun.
    case handshaking
    /// The connection can carry the request; at once where one was kept.
    case connected
    /// The request has gone out whole.
    case requestWritten
    /// The head of the server's answer has come.
    case head(status: Int)
    /// Bytes of the answer's body have come, whatever they mean: a comment of a stream that waits is a sign of life too.
    case piece
}
