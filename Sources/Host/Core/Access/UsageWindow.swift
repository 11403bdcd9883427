/// How much there was within the last so much time. Pure.
///
/// Time is cut into slots; what is counted is the slot that is under way and as many before it as fill the window, so that a limit
/// holds for any stretch of time of the window's length, and not just between two strokes of a clock.
public struct UsageWindow: Sendable, Equatable {
    /// Of a slot, in nanoseconds.
    private let width: UInt64
    private var slots: [UInt64]
    /// The number of the slot that is under way.
    private var newest: UInt64 = 0
    private(set) public var sum: UInt64 = 0

    /// - Parameter count: slots that make up the window.
    init(width: UInt64, count: Int) {
        self.width = width
        // The one under way is not whole.
        slots = Array(repeating: 0, count: count + 1)
    }

    private static let second: UInt64 = 1_000_000_000

    /// 60 slots of a second.
    public static var minute: UsageWindow { UsageWindow(width: second, count: 60) }
    /// 96 slots of a quarter of an hour.
    public static var day: UsageWindow { UsageWindow(width: 900 * second, count: 96) }

    /// - Parameter now: nanoseconds of the monotonic clock. The clocks of event loops differ a little: time never goes back here.
    public mutating func advance(to now: UInt64) {
        let count = UInt64(slots.count)
        // Slots have been before the clock's zero as well: what is restored lies there when the machine has just started.
        let slot = now / width + count
        guard slot > newest else { return }
        if slot - newest >= count {
            for index in slots.indices { slots[index] = 0 }
            sum = 0
        } else {
            for passed in newest + 1...slot {
                sum -= slots[Int(passed % count)]
                slots[Int(passed % count)] = 0
            }
        }
        newest = slot
    }

    /// Counts something that happens now.
    /// - Returns: where it was counted, for `giveBack`.
    @discardableResult
    public mutating func add(_ amount: UInt64) -> UInt64 {
        // What servers say may be anything.
        let amount = min(amount, Self.most - min(sum, Self.most))
        slots[Int(newest % UInt64(slots.count))] += amount
        sum += amount
        return newest
    }

    private static let most: UInt64 = 1 << 60

    /// It was less than was counted. Nothing happens if that was so long ago that it does not count any more.
    public mutating func giveBack(_ amount: UInt64, at slot: UInt64) {
        let count = UInt64(slots.count)
        guard slot <= newest, newest - slot < count else { return }
        let amount = min(amount, slots[Int(slot % count)])
        slots[Int(slot % count)] -= amount
        sum -= amount
    }

    /// Seconds until so much more fits under the limit; nil: it fits now.
    public func wait(for amount: UInt64, limit: UInt64, now: UInt64) -> Int? {
        let (wanted, overflow) = sum.addingReportingOverflow(amount)
        guard overflow || wanted > limit else { return nil }
        let count = UInt64(slots.count)
        let excess = overflow ? .max : wanted - limit
        var gone: UInt64 = 0
        // The oldest slot leaves when the next begins.
        for step in 1...count {
            gone += slots[Int((newest + step) % count)]
            if gone >= excess || step == count {
                let number = newest + step > count ? newest + step - count : 0
                let end = number.multipliedReportingOverflow(by: width).partialValue
                return Int(clamping: end > now ? (end - now + Self.second - 1) / Self.second : 1)
            }
        }
        return nil
    }

    // MARK: Over a restart

    /// Nanoseconds of a slot.
    var slotWidth: UInt64 { width }

    /// What is counted, by slots before the one that is under way; slots with nothing are left out.
    var kept: [(age: Int, amount: UInt64)] {
        let count = UInt64(slots.count)
        guard sum > 0, newest >= count else { return [] }
        return slots.indices.compactMap { age in
            let amount = slots[Int((newest - UInt64(age)) % count)]
            return amount > 0 ? (age, amount) : nil
        }
    }

    /// Counts what happened that many slots ago, as far as it still counts. To be called after `advance`.
    mutating func restore(_ amount: UInt64, age: Int) {
        let count = UInt64(slots.count)
        guard slots.indices.contains(age), newest >= count else { return }
        let amount = min(amount, Self.most - min(sum, Self.most))
        slots[Int((newest - UInt64(age)) % count)] += amount
        sum += amount
    }
}
