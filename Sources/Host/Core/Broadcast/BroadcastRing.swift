/// One shared queue for any number of readers, as in a broadcast channel: a writer never waits and never fails, each
/// reader has a cursor of its own, and one that falls more than `capacity` behind learns that it has lagged.
/// All operations are O(1). The memory is that of `capacity` messages, however many readers there are.
public struct BroadcastRing<Message: Sendable>: Sendable {
    /// Messages a reader may be behind.
    public static var defaultCapacity: Int { 1000 }

    private var slots: ContiguousArray<Message> = []
    private let capacity: Int
    /// Position of the next message; positions count from 0 and are never reused.
    public private(set) var next: UInt64 = 0

    public init(capacity: Int = BroadcastRing.defaultCapacity) {
        self.capacity = max(1, capacity)
    }

    public mutating func publish(_ message: Message) {
        if slots.count < capacity {
            slots.append(message)
        } else {
            slots[Int(next % UInt64(capacity))] = message
        }
        next += 1
    }

    public enum Read: Sendable {
        case message(Message)
        case empty
        /// `lost` messages are gone; the cursor now stands at the end.
        case lagged(lost: UInt64)
    }

    /// Reads the message at `cursor` and advances it.
    public func read(_ cursor: inout UInt64) -> Read {
        if cursor >= next {
            cursor = next
            return .empty
        }
        if next - cursor > UInt64(capacity) {
            let lost = next - cursor
            cursor = next
            return .lagged(lost: lost)
        }
        let message = slots[Int(cursor % UInt64(capacity))]
        cursor += 1
        return .message(message)
    }
}

extension BroadcastRing.Read: Equatable where Message: Equatable {}
