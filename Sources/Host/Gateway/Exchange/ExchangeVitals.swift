import Core
import NIOCore

/// What an exchange tells of its backend: how attempts end, whether bytes come, and what follows when none do.
extension Exchange {
    /// Tells the backend's breaker how the attempt ended, once for each.
    /// - Parameter failure: nil: it went well.
    func tellBreaker(of backend: BackendSnapshot, after failure: ExchangeFailure?) {
        tellBreaker(of: backend, trial: trial, after: failure)
        trial = nil
    }

    /// - Parameter trial: that the attempt's lease carried.
    func tellBreaker(of backend: BackendSnapshot, trial: BreakerGate.Trial?, after failure: ExchangeFailure?) {
        let now = now.uptimeNanoseconds
        // Whatever it says, it lives.
        if let failure, failure.status != 0 { backend.counters.pulse.hear(at: now) }
        let isChanged = backend.counters.told(
            failure?.breakerOutcome ?? .success, trial: trial, message: failure?.message ?? "", now: now)
        if isChanged { breakerChanged(backend) }
    }

    /// The first piece of a trial's answer has come: it has gone well. A long answer need not be waited for; if it breaks off,
    /// that counts as any failure.
    func tellTrial() {
        guard trial != nil, let backend else { return }
        tellBreaker(of: backend, after: nil)
    }

    /// The log tells of it when the registry has taken it over.
    private func breakerChanged(_ backend: BackendSnapshot) {
        loop.shared.registry.breakerChanged(of: backend.identity.id, now: Clock.preciseWallSeconds())
    }

    /// Notes that the answer goes on, or looks after a server that gives nothing: a probe asks it, and when that has no answer
    /// either, another backend is tried. To be called several times a second.
    func lookForSilence(now: NIODeadline) {
        guard let backend, dispatch.isTrying else { return }
        let pulse = backend.counters.pulse
        if let last = dispatch.lastPiece { return pulse.hear(at: last) }
        let (begun, instant) = (attemptStart.uptimeNanoseconds, now.uptimeNanoseconds)
        if pulse.wantsProbe(attempt: begun, now: instant) { loop.shared.noteUnreachable(backend) }
        guard pulse.hasGivenUp(on: begun) else { return }
        // Rather than fail, it goes on waiting.
        guard hedge != nil || dispatch.mayTryAgain && hasAlternative && loop.retries.hasRoom(now: instant) else {
            return
        }
        var failure = ExchangeFailure(kind: .timeout, message: "answers neither requests nor probes")
        // Its breaker knows already.
        failure.isBlameless = true
        let task = task
        attemptFailed(failure)
        task?.cancel()
    }
}
