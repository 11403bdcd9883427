import AdapterHost
import Core
import Store
import Synchronization

/// Where what ends is kept: in a file that a reload may exchange for another, or nowhere. A sink of the ledger. Callable from any
/// thread; changes come one at a time.
final class HistoryKeeping: LedgerSink {
    /// Milliseconds for which a file may take what has ended before another takes its place.
    private static let patience = 1000

    private let current = Mutex<HistoryStore?>(nil)
    private let isRestored = Atomic<Bool>(false)

    /// Nil: nothing is kept.
    var store: HistoryStore? { current.withLock { $0 } }

    /// Under the lock, so that nothing goes to a file whose end has come. Returns at once, as the store does.
    func take(_ entries: [HistoryEntry]) { current.withLock { $0?.take(entries) } }

    /// Keeps what an operator had done, under the lock as well. Returns at once.
    func take(_ record: AuditRecord, instance: String) { current.withLock { $0?.take(record, instance: instance) } }

    /// - Parameters:
    ///   - settings: nil: nothing is kept from now on.
    ///   - owner: asked to restore by the first file alone: what others hold, this run has counted, or it is of other times.
    /// - Returns: false: the system has no thread for it.
    func keep(_ settings: HistoryStore.Settings?, _ owner: HistoryStore.Owner) -> Bool {
        let before = store
        if let settings, let before, before.path == settings.path {
            before.retain(days: settings.keepDays, bytes: settings.keepBytes)
            return true
        }
        let new = settings.map { HistoryStore($0) }
        // What ends from now on waits in the new one.
        current.withLock { $0 = new }
        // Its path may name the same file in other words.
        before?.finish(milliseconds: Self.patience)
        guard let new else { return true }
        let once = HistoryStore.Owner(
            restore: { [self] kept in
                if !isRestored.exchange(true, ordering: .acquiringAndReleasing) { owner.restore(kept) }
            }, figures: owner.figures, tell: owner.tell)
        return DetachedThread.start("nexus-history") { new.run(once) }
    }
}

extension HistoryStore.Settings {
    /// Nil: nothing is to be kept.
    init?(_ history: Configuration.History) {
        guard let path = history.database, !path.isEmpty else { return nil }
        self.init(path: path, keepDays: history.keepDays == 0 ? nil : history.keepDays, keepBytes: history.keepBytes)
    }
}
