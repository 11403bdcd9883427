import Synchronization

/// What an adapter does that the header forbids, as the scripted host sees it.
enum Breach: String, Sendable, CaseIterable {
    /// A function of a loop, called from a thread that is not the loop's.
    case wrongThread
    /// A handle that never was.
    case unknownHandle
    /// A call about an exchange that the adapter itself has ended.
    case afterEnd
    /// A second finish or fail.
    case endedTwice
    case writeBeforeBegin
    case finishBeforeBegin
    case beganTwice
    /// The status of an answer is not a success.
    case badStatus
    /// A structure or an argument that cannot be.
    case badArgument
    /// An HTTP request that cannot be sent: method, path, a field that is the host's, too many.
    case badRequest
    /// A callback after `destroy` was called.
    case lateCallback
    /// A second report of health in one probe.
    case healthTwice
    /// More timers, requests or blocking work than allowed.
    case tooMany
}

/// The breaches seen so far; the first few of each kind with their words. From any thread.
final class Breaches: Sendable {
    private static let kept = 3
    private let seen = Mutex<[Breach: [String]]>([:])

    func record(_ breach: Breach, _ text: String) {
        seen.withLock { seen in
            let texts = seen[breach] ?? []
            if texts.count < Self.kept, !texts.contains(text) { seen[breach] = texts + [text] }
        }
    }

    func words(_ breaches: Breach...) -> String? {
        let texts = seen.withLock { seen in breaches.flatMap { seen[$0] ?? [] } }
        return texts.isEmpty ? nil : texts.joined(separator: "; ")
    }
}
