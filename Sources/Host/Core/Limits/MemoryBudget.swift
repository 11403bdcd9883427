import Synchronization

/// The memory that requests and answers may take, all connections together. Callable from any thread, without a lock.
///
/// Invariant: `used` is the sum of all shares' bytes.
public final class MemoryBudget: Sendable {
    private let usedBytes = Atomic<Int>(0)
    private let limitBytes: Atomic<Int>
    private let refusedCount = Atomic<UInt64>(0)

    /// - Parameter limit: bytes.
    public init(limit: Int) { limitBytes = Atomic(limit) }

    /// Bytes; a lower limit takes nothing away from those that have it.
    public var limit: Int {
        get { limitBytes.load(ordering: .relaxed) }
        set { limitBytes.store(newValue, ordering: .relaxed) }
    }

    /// Bytes that are taken now.
    public var used: Int { usedBytes.load(ordering: .relaxed) }

    /// What is to be given up at this instant.
    public var pressure: MemoryPressure { MemoryPressure(used: used, limit: limit) }

    /// How often there was not enough.
    public var refused: UInt64 { refusedCount.load(ordering: .relaxed) }

    /// False, and nothing taken, if not so much is left below `percent` of the limit.
    fileprivate func take(_ bytes: Int, percent: Int) -> Bool {
        let (sum, overflow) = usedBytes.add(bytes, ordering: .relaxed).oldValue.addingReportingOverflow(bytes)
        if !overflow, sum <= MemoryPressure.share(limit, percent) { return true }
        usedBytes.subtract(bytes, ordering: .relaxed)
        refusedCount.add(1, ordering: .relaxed)
        return false
    }

    fileprivate func giveBack(_ bytes: Int) { usedBytes.subtract(bytes, ordering: .relaxed) }
}

/// What one owner has of the budget. It goes back when the share ends, so it can be neither lost nor given back twice.
public struct MemoryShare: ~Copyable {
    private let budget: MemoryBudget
    public private(set) var bytes = 0
    /// Of the budget's limit, up to which this share grows.
    private let percent: Int

    /// - Parameter isForRequest: for what comes in, which leaves a rest for what goes out.
    public init(of budget: MemoryBudget, isForRequest: Bool = false) {
        self.budget = budget
        percent = isForRequest ? MemoryPressure.requestPercent : 100
    }

    /// Takes or gives back what is missing to `bytes`. False, and nothing changed, if the budget has not so much left; less
    /// than before is always granted.
    public mutating func set(_ bytes: Int) -> Bool {
        if bytes > self.bytes {
            guard budget.take(bytes - self.bytes, percent: percent) else { return false }
        } else if bytes < self.bytes {
            budget.giveBack(self.bytes - bytes)
        }
        self.bytes = bytes
        return true
    }

    deinit { if bytes > 0 { budget.giveBack(bytes) } }
}
