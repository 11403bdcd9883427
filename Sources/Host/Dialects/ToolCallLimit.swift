/// Calls of tools in one answer. Each fragment looks for its call among all of them.
enum ToolCallLimit {
    static let calls = 1000
    static let problem = AnswerProblem("The backend's answer calls more than \(calls) tools.")
}
