import Core
import Logging
import Shims
import Synchronization

/// What adapters do that the header forbids and the host survives. Counted; told once for each backend and kind.
enum Misuse: String, Sendable, CaseIterable {
    /// A handle that names nothing any more, or never did.
    case staleHandle = "stale_handle"
    /// A function of a loop from another thread.
    case wrongThread = "wrong_thread"
    /// A bound callback after its backend had gone.
    case lateCallback = "late_callback"
    /// A structure with an absurd `struct_size`, NULL where something is required, length without data.
    case badArgument = "bad_argument"
    /// Reports or log lines beyond what can be shown, models beyond the limits.
    case dropped = "dropped_report"

    private static let counts: [Misuse: Count] = Dictionary(uniqueKeysWithValues: allCases.map { ($0, Count()) })
    /// Where breaches are logged; set once, at the start.
    static let logger = Mutex(Logger(label: "nexus"))
    private static let book = Mutex(Book())

    /// What is remembered of each breach.
    private struct Book {
        /// How many are remembered. What comes after is neither logged nor counted by itself.
        static let limit = 10_000
        var counts: [Key: UInt64] = [:]

        struct Key: Hashable {
            var misuse: Misuse
            var call: String
            /// Empty: it is not known for which.
            var backend: String
            /// Of whom: a simulation's thread has breaches of its own, as it has clocks of its own. 0: the process.
            var world: UInt
        }
    }

    /// That of the calling thread.
    private static var world: UInt { UInt(bitPattern: nexus_thread_clock()) }

    /// How often each of them was, by backend, since the start.
    static var all: [(misuse: Misuse, call: String, backend: String, count: UInt64)] {
        let world = world
        return book.withLock { $0.counts }.filter { $0.key.world == world }
            .map { ($0.key.misuse, $0.key.call, $0.key.backend, $0.value) }
    }

    /// A simulation has come to its end on this thread.
    static func forgetWorld() {
        let world = world
        guard world != 0 else { return }
        book.withLock { book in book.counts = book.counts.filter { $0.key.world != world } }
    }

    private final class Count: Sendable { let value = Atomic<UInt64>(0) }

    var total: UInt64 { Self.counts[self]?.value.load(ordering: .relaxed) ?? 0 }

    /// Callable from any thread; logs the first time only.
    func record(_ call: String, of backend: String?, count: Int = 1) {
        Self.counts[self]?.value.grow(by: UInt64(max(0, count)))
        let key = Book.Key(misuse: self, call: call, backend: backend ?? "", world: Self.world)
        let isNew = Self.book.withLock { book in
            if book.counts[key] == nil, book.counts.count >= Book.limit { return false }
            let before = book.counts.updateValue(0, forKey: key)
            book.counts[key] = (before ?? 0) &+ UInt64(max(0, count))
            return before == nil
        }
        guard isNew else { return }
        Self.logger.withLock { $0 }.warning(
            "an adapter breaks the rules: \(words) in \(call); ignored, and counted from now on without a line",
            metadata: backend.map { ["backend": "\($0)"] } ?? [:])
    }

    var words: String {
        switch self {
        case .staleHandle: "a handle that has ended or never was"
        case .wrongThread: "a call from a thread that is not the loop's"
        case .lateCallback: "a callback after the backend had gone"
        case .badArgument: "an argument that cannot be"
        case .dropped: "more than can be taken"
        }
    }
}
