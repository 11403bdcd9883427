import Synchronization

/// Finds, among event loops of which each knows its own, who holds most. Callable from any thread.
public final class Heaviest: Sendable {
    private let byLoop = Mutex<[Int: Int]>([:])

    public init() {}

    /// Whether nobody holds more, as far as the other loops have told.
    /// - Parameters:
    ///   - bytes: of the one on this loop that holds most.
    ///   - loop: its index.
    public func isMost(_ bytes: Int, loop: Int) -> Bool {
        byLoop.withLock { byLoop in
            byLoop[loop] = bytes
            return byLoop.values.allSatisfy { $0 <= bytes }
        }
    }
}
