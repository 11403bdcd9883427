import Synchronization

/// The last attempts that failed at each backend. A sink of the ledger; callable from any thread.
public final class LastErrors: LedgerSink {
    public struct Item: Sendable, Equatable {
        /// When the exchange ended, in Unix seconds.
        public var at: Int64
        public var requestID: String
        /// What the client asked for.
        public var model: String
        /// What the client got; another backend may have answered in the end.
        public var statusCode: Int
        /// Without the backend's secrets.
        public var message: String
        /// It was the backend's fault.
        public var isBlamed: Bool
    }

    /// Errors of one backend that are kept, and backends of which they are: some 500 bytes an error.
    public static let limit = 20
    public static let backendLimit = 4096

    private let items = Mutex<[String: [Item]]>([:])

    public init() {}

    public func take(_ entries: [HistoryEntry]) {
        guard entries.contains(where: { !$0.route.isEmpty }) else { return }
        items.withLock { items in
            for entry in entries {
                for step in entry.route {
                    guard let failure = step.failure else { continue }
                    Self.makeRoom(for: step.backend, in: &items)
                    let item = Item(
                        at: entry.timestamp, requestID: entry.requestID, model: entry.model,
                        statusCode: entry.statusCode, message: failure, isBlamed: step.isBlamed)
                    var last = items.removeValue(forKey: step.backend) ?? []
                    if last.count >= Self.limit { last.removeFirst() }
                    last.append(item)
                    items[step.backend] = last
                }
            }
        }
    }

    /// Backends come and go: the one whose last error is the oldest goes for a new one.
    private static func makeRoom(for backend: String, in items: inout [String: [Item]]) {
        guard items.count >= backendLimit, items[backend] == nil,
            let oldest = items.min(by: { $0.value.last?.at ?? 0 < $1.value.last?.at ?? 0 })
        else { return }
        items[oldest.key] = nil
    }

    /// Oldest first.
    public func of(_ backend: String) -> [Item] { items.withLock { $0[backend] ?? [] } }

    /// Why an attempt last failed there by the backend's fault; nil: none did of late.
    public func message(of backend: String, model: String) -> String? {
        of(backend).last { $0.model == model && $0.isBlamed }?.message
            ?? of(backend).last { $0.isBlamed }?.message
    }
}
