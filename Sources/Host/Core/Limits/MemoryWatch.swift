/// Looks at the memory of all at regular times. Nobody loses anything unless somebody was refused since the last look: then whoever
/// holds memory and does not move is in others' way, however much is left. Pure.
public struct MemoryWatch: Sendable {
    private var refused: UInt64 = 0

    public init() {}

    /// - Parameter refused: how often there was not enough, since the start.
    public mutating func look(used: Int, limit: Int, refused: UInt64) -> MemoryPressure {
        defer { self.refused = refused }
        let pressure = MemoryPressure(used: used, limit: limit)
        return refused != self.refused ? max(pressure, .evicting) : min(pressure, .closing)
    }

    public mutating func look(_ budget: MemoryBudget) -> MemoryPressure {
        look(used: budget.used, limit: budget.limit, refused: budget.refused)
    }
}
