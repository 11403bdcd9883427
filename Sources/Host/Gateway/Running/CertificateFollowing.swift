import Core
import Logging
import NIOCore
import Synchronization

/// Looks twice a second whether the files of the listener's certificate have changed, away from the loops.
final class CertificateFollowing: Sendable {
    static let interval = TimeAmount.milliseconds(500)

    /// A look is under way: of a disk that does not answer, one waits.
    private let isLooking = Atomic<Bool>(false)

    static func start(_ state: GatewayState, _ updates: LoopUpdates, on loop: any EventLoop) {
        let following = CertificateFollowing()
        loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            guard state.listener.terms != nil,
                following.isLooking.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing)
                    .exchanged
            else { return }
            let isTaken = state.work.submit(size: 0) {
                if let event = state.listener.look() {
                    event.tell(state.logger)
                    if event.changesAuthorities { updates.send() }
                }
                following.isLooking.store(false, ordering: .releasing)
            }
            // Where there is no time for it now, there will be.
            if !isTaken { following.isLooking.store(false, ordering: .releasing) }
        }
    }
}

extension ListenerTLS.Event {
    /// The loops are to be told.
    var changesAuthorities: Bool {
        if case .taken(_, let changesAuthorities) = self { changesAuthorities } else { false }
    }

    func tell(_ logger: Logger) {
        switch self {
        case .taken(let words, _): logger.notice("\(words)")
        case .kept(let problem):
            logger.error("the new certificate was not taken, the one before stays; it is tried again. \(problem)")
        }
    }
}
