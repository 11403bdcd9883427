/// How fast an answer came: when its first token, and how many a second after that.
public struct GenerationSpeed: Sendable, Equatable {
    public var timeToFirstTokenMilliseconds: UInt64?
    public var tokensPerSecond: Double?

    /// - Parameters:
    ///   - microseconds: from arrival of the request to its end.
    ///   - firstPiece: microseconds from arrival to the first piece of a stream; nil for a whole answer, which comes when
    ///     all is done, so that only the server can tell.
    public init(_ outcome: ExchangeOutcome, microseconds: UInt64, firstPiece: UInt64?) {
        if let firstPiece {
            timeToFirstTokenMilliseconds = firstPiece / 1000
        } else if let generating = outcome.completionMicroseconds, generating <= microseconds {
            timeToFirstTokenMilliseconds = (microseconds - generating) / 1000
        }
        guard let tokens = outcome.completionTokens, tokens > 0 else { return }
        let generated = Double(tokens)
        // A server that took no time has not told how long it took.
        if let told = outcome.completionMicroseconds, told > 0 {
            tokensPerSecond = generated / Double(told) * 1e6
        } else if let firstPiece {
            // The first token was there when the clock starts.
            guard tokens > 1, microseconds > firstPiece else { return }
            tokensPerSecond = (generated - 1) / Double(microseconds - firstPiece) * 1e6
        } else if microseconds > 0 {
            tokensPerSecond = generated / Double(microseconds) * 1e6
        }
    }
}
