/// Why a body cannot be decoded.
public enum DecodingProblem: Error, Sendable, Equatable {
    /// The bytes are not of the coding, or ask for too much memory.
    case broken(ContentCoding)
    /// It ends in the middle.
    case truncated(ContentCoding)
    /// Bytes follow behind its end.
    case trailing(ContentCoding)
    /// Between two codings there is more than may be.
    case tooLarge

    /// What follows "the body", in words.
    public var message: String {
        switch self {
        case .broken(let coding): "is not valid \(coding.rawValue)"
        case .truncated(let coding): "ends in the middle of its \(coding.rawValue)"
        case .trailing(let coding): "goes on behind the end of its \(coding.rawValue)"
        case .tooLarge: "is too large between two of its codings"
        }
    }
}

/// Takes content codings off a body that comes in pieces, cut anywhere. A state machine: bytes in, bytes out; who calls bounds
/// what comes out, by the room for it. One call does a bounded amount of work, whatever the bytes say.
///
/// Invariant behind the unchecked Sendable: it is used by one thread at a time; whoever has it hands it over whole.
public final class ContentDecoder: @unchecked Sendable {
    /// Bytes that all codings together may give in one call: some 1 ms of work.
    static let work = 256 * 1024

    /// In the order in which the codings are taken off.
    private let stages: [CodingStage]
    /// Bytes that each coding but the last may come to.
    private let limit: Int
    /// Bytes that the last call has given from one coding to the next: work as well, of which nothing may come out.
    public private(set) var worked = 0
    /// Nothing that has come waits to be decoded.
    public private(set) var isDrained = true

    /// - Parameters:
    ///   - codings: in the order in which they were applied; at least one.
    ///   - limit: bytes of what lies between two codings.
    public init(_ codings: [ContentCoding], limit: Int) {
        stages = codings.reversed().enumerated().map { CodingStage($1, isFirst: $0 == 0) }
        self.limit = limit
    }

    /// Decodes from the front of `input`, until all of it is used up, `out` is full, or enough was done for one call. In the
    /// latter two cases `isDrained` is false; more input, or none, goes on.
    public func decode(
        _ input: UnsafeRawBufferPointer, into out: UnsafeMutableRawBufferPointer
    ) throws(DecodingProblem) -> (read: Int, written: Int) {
        worked = 0
        var rest = input
        let written = try pull(stages.count - 1, &rest, out)
        isDrained = rest.isEmpty && stages.allSatisfy { $0.waiting.isEmpty && !$0.mayHold }
        return (input.count - rest.count, written)
    }

    /// All has come. Throws if it is not whole.
    public func finish() throws(DecodingProblem) { for stage in stages { try stage.finish() } }

    /// Has one of the stages fill `out`; it gets what it needs for that from the one before. Gives the bytes in `out`.
    private func pull(
        _ index: Int, _ input: inout UnsafeRawBufferPointer, _ out: UnsafeMutableRawBufferPointer
    ) throws(DecodingProblem) -> Int {
        let stage = stages[index]
        var filled = 0
        while filled < out.count {
            let room = UnsafeMutableRawBufferPointer(rebasing: out[filled...])
            if let buffer = stage.buffer {
                if stage.waiting.isEmpty, !stage.mayHold {
                    guard worked < Self.work else { break }
                    let count = try pull(index - 1, &input, buffer)
                    worked += count
                    guard stages[index - 1].given <= limit else { throw .tooLarge }
                    guard count > 0 else { break }
                    stage.waiting = 0..<count
                }
                let (read, written) = try stage.run(UnsafeRawBufferPointer(rebasing: buffer[stage.waiting]), into: room)
                stage.waiting = stage.waiting.lowerBound + read..<stage.waiting.upperBound
                filled += written
            } else {
                guard !input.isEmpty || stage.mayHold else { break }
                let (read, written) = try stage.run(input, into: room)
                input = UnsafeRawBufferPointer(rebasing: input[read...])
                filled += written
            }
        }
        return filled
    }
}
