/// How often the service manager wants to hear that the gateway lives (sd_watchdog_enabled(3)). Pure.
public struct WatchdogTerms: Sendable, Equatable {
    /// Without a word for so long it ends the process.
    public let nanoseconds: UInt64

    private static let shares: (patience: UInt64, look: UInt64, beat: UInt64) = (2, 4, 8)

    /// A loop that has not turned for so long is stuck.
    public var patience: UInt64 { nanoseconds / Self.shares.patience }
    /// Between two looks at the loops.
    public var look: UInt64 { max(1, nanoseconds / Self.shares.look) }
    /// Between two beats of a loop: often enough that a busy one is not taken for a stuck one.
    public var beat: UInt64 { max(1, nanoseconds / Self.shares.beat) }

    public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

    /// - Returns: nil: nobody watches this process.
    /// - Throws: what is wrong, in words.
    public static func read(
        _ variables: [String: String], process: Int32
    ) throws(ServiceProblem) -> WatchdogTerms? {
        guard let text = variables["WATCHDOG_USEC"], !text.isEmpty else { return nil }
        if let owner = variables["WATCHDOG_PID"], !owner.isEmpty {
            guard let owner = Int32(owner) else { throw ServiceProblem("WATCHDOG_PID is no number of a process") }
            guard owner == process else { return nil }
        }
        guard let microseconds = UInt64(text), microseconds > 0, microseconds <= UInt64.max / 1000 else {
            throw ServiceProblem("WATCHDOG_USEC must be a number of microseconds above 0")
        }
        return WatchdogTerms(nanoseconds: microseconds * 1000)
    }
}
