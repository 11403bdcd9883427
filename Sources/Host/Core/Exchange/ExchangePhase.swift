/// How far an exchange under way has come, for people who look on.
public enum ExchangePhase: String, Sendable, CaseIterable {
    /// A backend is being chosen, the request put into other words, or a pause made before the next attempt.
    case routing
    /// It waits for a place at a backend.
    case queued
    /// The connection to the server is being made.
    case connecting
    /// The server has the request, and has to load the model first, by what it told last.
    case loading
    /// The server has the request, and nothing of the answer has come.
    case prefill
    /// The answer comes, and goes on to the client as it does.
    case streaming
    /// The answer comes, and is kept until it is whole.
    case answering
}
