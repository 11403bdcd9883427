import JSON

/// Where somebody stands who follows the log of a gateway by asking again and again (`GET /v1/logs`). Pure.
public struct LogFollower: Sendable {
    /// What an answer has brought.
    public enum News: Sendable, Equatable {
        /// Lines, oldest first, and how many were not kept for whoever asks so late.
        case lines([JSONValue], missed: Int64)
        /// Another run of the gateway answers, which counts its lines from 1: it is to be asked once more.
        case restarted
        /// It is no answer to this question.
        case strange
    }

    /// Of the newest line that was seen; 0: none was.
    public private(set) var after: Int64 = 0
    private var instance: String?

    public init() {}

    public mutating func take(_ answer: JSONValue) -> News {
        guard let run = answer["instance_id"]?.string, let last = answer["last_seq"]?.int,
            let lines = answer["data"]?.array
        else { return .strange }
        defer { instance = run }
        if let before = instance, before != run {
            after = 0
            return .restarted
        }
        let new = lines.filter { ($0["seq"]?.int ?? 0) > after }
        after = max(after, Int64(last))
        return .lines(new, missed: Int64(answer["skipped"]?.int ?? 0))
    }
}
