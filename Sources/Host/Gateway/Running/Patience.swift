import Synchronization

/// Waits for something, but not for ever. What takes longer goes on by itself.
enum Patience {
    /// Returns when `body` has, or when the time is over.
    static func wait(atMost limit: Duration, for body: @escaping @Sendable () async -> Void) async {
        await withCheckedContinuation { continuation in
            let end = End(continuation)
            Task {
                await body()
                end.come()
            }
            Task {
                try? await Task.sleep(for: limit)
                end.come()
            }
        }
    }

    /// Comes once, whoever is first.
    private final class End: Sendable {
        private let waiting: Mutex<CheckedContinuation<Void, Never>?>
        init(_ waiting: CheckedContinuation<Void, Never>) { self.waiting = Mutex(waiting) }
        func come() { waiting.withLock { $0.take() }?.resume() }
    }
}
