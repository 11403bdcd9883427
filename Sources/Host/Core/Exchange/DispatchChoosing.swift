import NIOCore

/// Who may be asked, for which of the models that the client's name stands for, and where it goes on after waiting for a place.
extension Dispatch {
    public enum Eligible: Sendable {
        /// Places in the snapshot's list of backends; not empty.
        case some([Int])
        /// No backend has or had the model.
        case unknownModel
        /// These have it, and none of them is healthy, able and untried.
        case nobody([BackendSnapshot])
        /// As far as is known: no backend has been reached, so what they have is not known.
        case nobodyReached
    }

    /// Who may be asked for the model that is tried now.
    public var eligibility: Eligibility {
        Eligibility(
            model: request.model, backend: walk.backend, tried: tried, needs: request.needs, hasOthers: isFirm,
            scope: request.scope)
    }

    /// Where the prompt is far too long for a model, another is tried.
    private var isFirm: Bool { !takesTooLong && request.targets.count > 1 }

    /// The prompt seems far too long for each of the models that somebody could be asked for: they are gone through once more, and
    /// the servers may say so themselves. False: that was done, or an attempt was made.
    public mutating func takeTooLong() -> Bool {
        guard isFirm, attempts == 0, phase == .choosing || phase == .queued else { return false }
        takesTooLong = true
        goBack(to: .first)
        return true
    }

    /// Which of the models is tried now, from 0.
    public var target: Int { walk.index }
    /// There are more models to try than this one.
    public var hasNextTarget: Bool { walk.hasNext }

    /// The model cannot be served: the next is tried. False: there is none.
    public mutating func nextTarget(now: NIODeadline) -> Bool {
        guard phase == .choosing || phase == .queued, let next = walk.next() else { return false }
        // Once for the attempts with it, however often a waiter looks.
        if attempts > attemptsNamed {
            timeline.append(.modelLeft(request.model), at: now)
            attemptsNamed = attempts
        }
        request.model = next.model
        tried = []
        maximumAttempts = max(maximumAttempts, attempts + 1)
        return true
    }

    // MARK: Waiting for a place

    /// No backend has a place, and one is waited for.
    /// - Parameter limit: for how long.
    public mutating func queued(limit: Duration, now: NIODeadline) {
        assert(phase == .choosing, "an exchange waits for a place while \(phase)")
        phase = .queued
        deadlines.queued(at: now.uptimeNanoseconds, limit: limit)
        timeline.append(.queued, at: now)
    }

    /// Where it stands in the models that its client's name stands for, so that it can come back there.
    public struct Standing: Sendable, Equatable {
        fileprivate let target: Int
        fileprivate let tried: [String]
        /// Before any attempt, at the first of the models.
        public static let first = Standing(target: 0, tried: [])
    }

    public var standing: Standing { Standing(target: walk.index, tried: tried) }

    /// Goes on from a model that was passed over, as it stood there.
    public mutating func goBack(to standing: Standing) {
        assert(phase == .choosing || phase == .queued, "an exchange goes back while \(phase)")
        guard walk.index != standing.target, let target = walk.go(to: standing.target) else { return }
        request.model = target.model
        tried = standing.tried
    }
}
