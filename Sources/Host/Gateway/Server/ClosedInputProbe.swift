import NIOCore

/// What is sent to a client that has ended its sending side, to learn whether it is still there: its kernel answers with a reset
/// if it is not. Nothing is sent but what belongs to every answer: the bytes of `HTTP/1.1 ` one by one, and, within an answer
/// in chunks, zeros before the size of the next chunk (RFC 9112, section 7.1, allows any number of them). Pure.
struct ClosedInputProbe {
    /// With this every answer begins.
    static let start: StaticString = "HTTP/1.1 "
    /// Zeros before one chunk's size: some clients read no more than 16 digits.
    private static let zeros = 8
    private static let longestPause = TimeAmount.seconds(64)

    enum Stage { case beforeHead, betweenChunks, elsewhere }

    /// Bytes of the answer's start that were sent.
    private(set) var startSent = 0
    private var zerosSent = 0
    private var due = NIODeadline.uptimeNanoseconds(0)
    private var pause = TimeAmount.seconds(1)

    /// A byte to send; nil: not now, or there is none. The pauses between two become longer.
    mutating func next(_ stage: Stage, now: NIODeadline) -> UInt8? {
        guard now >= due else { return nil }
        let byte: UInt8
        switch stage {
        case .beforeHead:
            guard startSent < Self.start.utf8CodeUnitCount else { return nil }
            byte = Self.start.utf8Start[startSent]
            startSent += 1
        case .betweenChunks:
            guard zerosSent < Self.zeros else { return nil }
            byte = UInt8(ascii: "0")
            zerosSent += 1
        case .elsewhere: return nil
        }
        due = now + pause
        pause = min(pause * 2, Self.longestPause)
        return byte
    }

    /// A piece was sent: what comes is another chunk.
    mutating func pieceSent() { zerosSent = 0 }
}
