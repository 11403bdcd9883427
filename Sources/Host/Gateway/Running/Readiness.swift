import Core
import Synchronization

/// Whether requests should come here, for whoever spreads them over several gateways.
final class Readiness: Sendable {
    private let isEnding = Atomic<Bool>(false)

    /// The gateway begins to end.
    func end() { isEnding.store(true, ordering: .relaxed) }

    /// Why requests should go elsewhere; nil: they are welcome.
    func problem(_ snapshot: RegistrySnapshot) -> String? {
        Self.problem(isEnding: isEnding.load(ordering: .relaxed), snapshot.backends.lazy.map(\.status))
    }

    static func problem(isEnding: Bool, _ backends: some Sequence<BackendStatus>) -> String? {
        if isEnding { return "The gateway is shutting down." }
        var (count, unknown, draining) = (0, 0, 0)
        for status in backends {
            if status.serves { return nil }
            count += 1
            if status == .unknown { unknown += 1 }
            if status == .draining { draining += 1 }
        }
        if count == 0 { return "There is no backend." }
        if unknown > 0 { return "No backend can serve; \(unknown) of \(count) have not been looked at yet." }
        if draining == count { return "No backend can serve: all \(count) are drained." }
        return "No backend can serve: none of \(count) is well."
    }
}
