import Core
import Logging
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
    private static let told = Mutex<Set<String>>([])
    /// How many names are remembered as logged. After that nothing more is logged.
    private static let toldLimit = 10_000

    private final class Count: Sendable { let value = Atomic<UInt64>(0) }

    var total: UInt64 { Self.counts[self]?.value.load(ordering: .relaxed) ?? 0 }

    /// Callable from any thread; logs the first time only.
    func record(_ call: String, of backend: String?, count: Int = 1) {
        Self.counts[self]?.value.grow(by: UInt64(max(0, count)))
        let key = "\(rawValue) \(call) \(backend ?? "")"
        let isNew = Self.told.withLock { $0.count < Self.toldLimit && $0.insert(key).inserted }
        guard isNew else { return }
        Self.logger.withLock { $0 }.warning(
            "an adapter breaks the rules: \(words) in \(call); ignored, and counted from now on without a line",
            metadata: backend.map { ["backend": "\($0)"] } ?? [:])
    }

    private var words: String {
        switch self {
        case .staleHandle: "a handle that has ended or never was"
        case .wrongThread: "a call from a thread that is not the loop's"
        case .lateCallback: "a callback after the backend had gone"
        case .badArgument: "an argument that cannot be"
        case .dropped: "more than can be taken"
        }
    }
}
