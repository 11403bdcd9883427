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

    /// Understands `{"error":{"message":…}}`, `{"error":"text"}` and the flat `{"object":"error","message":…}`. Nil if the
    /// answer, or the chunk of one, is none of them.
    static func inside(_ answer: JSONValue) -> AnswerProblem? {
        switch answer["error"] {
        case .object(let error):
            let message = error["message"]?.string ?? error["msg"]?.string
            return AnswerProblem(message ?? "The backend reported an error without a message.")
        case .string(let message): return AnswerProblem(message)
        default: break
        }
        guard answer["object"]?.string == "error", let message = answer["message"]?.string else { return nil }
        return AnswerProblem(message)
    }
}
