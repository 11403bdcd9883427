import JSON

/// Errors that servers put into an answer whose status says success.
enum AnswerError {
    /// Values of a whole answer: a thousand embeddings of 4096 numbers.
    private static let maximumValues = 5_000_000

    /// A whole answer as JSON.
    /// - Throws: if it is none, or an error inside a success.
    static func answer(in bytes: UnsafeRawBufferPointer) throws(AnswerProblem) -> JSONValue {
        let answer: JSONValue
        do {
            answer = try JSONValue.parse(bytes, maximumValues: maximumValues)
        } catch {
            throw AnswerProblem("The backend's answer is not JSON: \(error.reason) at byte \(error.offset).")
        }
        if let problem = inside(answer) { throw problem }
        return answer
    }

    /// An error inside an answer, or inside the chunk of one, in any shape; see `ToldError`. Nil if it is none.
    static func inside(_ answer: JSONValue) -> AnswerProblem? {
        ToldError.inside(answer).map { AnswerProblem($0.message ?? withoutMessage) }
    }

    private static let withoutMessage = "The backend reported an error without a message."

    /// Numbers beyond are not exact in every reader of JSON, and count nothing.
    private static let largestCount: Int64 = 1 << 53

    /// A number of tokens that a backend tells; nil for what can be none.
    static func tokens(_ value: JSONValue?) -> Int64? {
        value?.int.flatMap { (0...largestCount).contains($0) ? $0 : nil }
    }
}
