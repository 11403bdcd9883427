import Synchronization

/// Answers that were made before: checks ask the same many times. From any thread.
final class AnswerMemory: Sendable {
    /// All that the built-in server's answers depend on.
    struct Key: Hashable, Sendable {
        var method: String
        var path: String
        var body: [UInt8]
        var tellsUsage: Bool
        var models: Int?
        var hasErrorInside: Bool
    }

    /// Answers remembered; beyond it the memory starts anew.
    private static let limit = 32
    private let known = Mutex<[Key: UpstreamAnswer]>([:])

    func answer(_ key: Key, _ make: () -> UpstreamAnswer) -> UpstreamAnswer {
        if let answer = known.withLock({ $0[key] }) { return answer }
        let answer = make()
        known.withLock { known in
            if known.count >= Self.limit { known.removeAll() }
            known[key] = answer
        }
        return answer
    }
}
