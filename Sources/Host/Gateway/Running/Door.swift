import Core
import Logging
import NIOCore
import Synchronization

/// Who is refused, counted and told now and then: strangers must not fill the log. And who tries to sign in.
final class Door: Sendable {
    /// Seconds between two lines of the log.
    private static let pause: Int64 = 10

    private struct State {
        var counts: [String: UInt64] = [:]
        var untold: UInt64 = 0
        var toldAt: Int64?
        var attempts = AttemptLimit()
    }

    private let state = Mutex(State())

    /// Requests that were refused, by the code of the error: those of `AccessErrors`.
    var counts: [String: UInt64] { state.withLock { $0.counts } }

    func refused(_ error: ErrorBody, _ context: RequestContext, _ logger: Logger) {
        let now = Clock.monotonicMilliseconds() / 1000
        let others: UInt64? = state.withLock { state in
            state.counts[error.code ?? "", default: 0] += 1
            guard now - (state.toldAt ?? .min / 2) >= Self.pause else {
                state.untold += 1
                return nil
            }
            defer { (state.untold, state.toldAt) = (0, now) }
            return state.untold
        }
        guard let others else { return }
        logger.notice(
            "request refused: \(error.code ?? "")",
            metadata: [
                "client": "\(context.peer?.ipAddress ?? "")", "path": "\(EntryLimits.cut(context.path, to: 200))",
                "key": "\(context.key?.name ?? "")", "others_before": .number(others),
            ])
    }

    // MARK: Signing in

    /// Seconds until somebody at the address may try; nil: now.
    func wait(_ address: String) -> Int? {
        state.withLock { $0.attempts.wait(address, now: Clock.monotonicMilliseconds() / 1000) }
    }

    func signIn(_ address: String, succeeded: Bool) {
        state.withLock { state in
            if succeeded {
                state.attempts.succeeded(address)
            } else {
                state.attempts.failed(address, now: Clock.monotonicMilliseconds() / 1000)
            }
        }
    }
}
