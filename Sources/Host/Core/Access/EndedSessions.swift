import Synchronization

/// Sessions whose operators have signed out: a copy of such a cookie counts no more, until its time would have been over anyway.
/// Callable on any thread.
final class EndedSessions: Sendable {
    enum Limits {
        /// Sessions that are remembered. Only who has an operator's key can make more; then the one that ends soonest is forgotten.
        static let count = 4096
    }

    /// When each would have ended, in Unix seconds, by its number.
    private let ends = Mutex<[UInt64: Int64]>([:])

    /// - Parameter wall: Unix seconds.
    func add(_ session: Session, wall: Int64) {
        ends.withLock { ends in
            guard session.ends > wall, ends[session.number] == nil else { return }
            if ends.count >= Limits.count { ends = ends.filter { $0.value > wall } }
            if ends.count >= Limits.count, let soonest = ends.min(by: { $0.value < $1.value }) {
                ends[soonest.key] = nil
            }
            ends[session.number] = session.ends
        }
    }

    func contains(_ number: UInt64) -> Bool { ends.withLock { $0[number] != nil } }
}
