import Core

/// Ends backends that something else stands for now, as soon as what they have under way has ended.
struct Retirement: Sendable {
    let updates: LoopUpdates

    /// The registry must not name the backend any more, or not for new exchanges. Returns when no loop will give it
    /// anything new; `ended` is called later, when the instance is gone.
    func retire(_ backend: any BackendDriver, ended: @escaping @Sendable () -> Void = {}) async {
        await updates.delivered()
        backend.retire()
        Task {
            await backend.end()
            ended()
        }
    }
}
