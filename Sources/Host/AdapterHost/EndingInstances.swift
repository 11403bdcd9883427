import Synchronization

/// The instances of this process that are on their way out, whoever let go of them: backends that were removed or replaced, and
/// those that were made for a look. The process must not end while an adapter destroys one, since its code and its memory would
/// go away below it. On any thread.
public enum EndingInstances {
    private struct State {
        var backends: [Int: AdapterBackend] = [:]
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private static let state = Mutex(State())

    /// In no order.
    public static var all: [AdapterBackend] { state.withLock { Array($0.backends.values) } }

    /// Returns when there is none.
    public static func untilNone() async {
        await withCheckedContinuation { continuation in
            let isNone = state.withLock { state in
                if !state.backends.isEmpty { state.waiting.append(continuation) }
                return state.backends.isEmpty
            }
            if isNone { continuation.resume() }
        }
    }

    static func add(_ backend: AdapterBackend) { state.withLock { $0.backends[backend.ordinal] = backend } }

    static func remove(_ backend: AdapterBackend) {
        let waiting = state.withLock { state in
            state.backends[backend.ordinal] = nil
            guard state.backends.isEmpty else { return [CheckedContinuation<Void, Never>]() }
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
