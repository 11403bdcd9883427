/// A client's request as a request of OpenAI's API, and the way back for its answer.
public struct Translation: Sendable {
    /// Which of OpenAI's requests it became.
    public enum Target: Sendable, Equatable { case chat, completions, embeddings }

    public var target: Target
    /// JSON; a stream asks for usage, since the answer's translation needs it.
    public var body: [UInt8]
    /// What of the request was left out, one sentence each; shown to the client as x-nexus-warning.
    public var warnings: [String]
    public var answer: any AnswerTranslation

    public init(target: Target, body: [UInt8], warnings: [String] = [], answer: any AnswerTranslation) {
        self.target = target
        self.body = body
        self.warnings = warnings
        self.answer = answer
    }
}

/// Turns an answer of OpenAI's API into the client's. A value for one answer: either `piece` any number of times and then
/// `end`, or `whole` once. Pure, and on one thread at a time.
public protocol AnswerTranslation: Sendable {
    /// A piece of OpenAI's event stream, cut anywhere, as bytes for the client; empty while nothing is complete.
    /// - Throws: `AnswerProblem` if it is no such stream.
    mutating func piece(_ bytes: UnsafeRawBufferPointer) throws(AnswerProblem) -> [UInt8]

    /// What is left to be sent after the last piece of a stream that ended well.
    mutating func end() throws(AnswerProblem) -> [UInt8]

    /// A whole answer.
    mutating func whole(_ bytes: UnsafeRawBufferPointer) throws(AnswerProblem) -> [UInt8]
}

/// A backend's answer is not what its API promises.
public struct AnswerProblem: Error, Sendable, Equatable {
    public var message: String
    public init(_ message: String) { self.message = message }
}
