/// Reloads that are under way: a service manager knows of one at a time. Pure.
public struct ReloadTurns: Sendable, Equatable {
    private var running = 0

    public init() {}

    /// - Returns: whether this one begins what the manager is to know of.
    public mutating func begin() -> Bool {
        running += 1
        return running == 1
    }

    /// - Returns: whether none is left.
    public mutating func end() -> Bool {
        running -= 1
        return running == 0
    }
}
