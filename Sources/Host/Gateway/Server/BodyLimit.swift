/// How large a body may be, and what its client is told beyond that. The words are made when they are needed.
enum BodyLimit {
    /// Of a request for a backend.
    case request(Int)
    /// Of an operator's command.
    case command
    /// Of a body that is read past.
    case skipped(Int)

    var bytes: Int {
        switch self {
        case .request(let limit), .skipped(let limit): limit
        case .command: Route.Body.commandLimit
        }
    }

    var error: ErrorBody {
        switch self {
        case .request(let limit), .skipped(let limit): .bodyTooLarge(limit)
        case .command: .commandTooLarge(Route.Body.commandLimit)
        }
    }
}
