import JSON
import Terminal

/// What the gateway says, for a person at the command line: in commands instead of routes, and with nothing that a terminal obeys.
enum GatewayWords {
    /// Why the gateway refuses something.
    /// - Parameter answer: the body; nil: it could not be read.
    static func refusal(_ answer: JSONValue?, _ status: Int) -> String {
        message(answer) ?? "status \(status)"
    }

    /// Nil: it says nothing.
    static func message(_ answer: JSONValue?) -> String? { answer?["error"]?["message"]?.string.map(told) }

    /// Line by line: what is wrong with a configuration may be several things.
    static func told(_ words: String) -> String {
        RouteWords.told(words).split(separator: "\n", omittingEmptySubsequences: false)
            .map { CellText.clean(String($0)) }.joined(separator: "\n")
    }
}
