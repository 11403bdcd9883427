import NIOCore

/// What the failure of an attempt leads to, and what the client is told of it.
extension Dispatch {
    /// What the client is to be told, and how.
    public enum Telling: Sendable, Equatable {
        /// Answer with an error.
        case answer(Words)
        /// Say so with one event, and end the stream.
        case event(Words)
        /// A committed unary answer cannot say that it failed: close the connection.
        case abort
    }

    public enum Words: Sendable, Equatable {
        /// Those of the attempt that failed.
        case failure(ExchangeFailure, backend: String)
        /// The gateway's own, of whoever asked.
        case own
    }

    public enum Failed: Sendable, Equatable {
        /// Forget what was kept and try another backend.
        case retry
        /// Forget what was kept and ask the same backend again in another form.
        case rephrase
        case tell(Telling)
        case ignore
    }

    /// The attempt under way has failed.
    /// - Parameters:
    ///   - hasAlternative: another backend is left to try, or another model.
    ///   - canRephrase: the same backend can be asked in another form, which counts as no retry.
    ///   - takesRetry: takes a retry from the budget of all; asked only where there is to be one.
    public mutating func failed(
        _ failure: ExchangeFailure, hasAlternative: Bool, canRephrase: Bool = false,
        takesRetry: @autoclosure () -> Bool = true, now: NIODeadline
    ) -> Failed {
        guard let backend, phase != .over else { return .ignore }
        assert(phase != .choosing && phase != .queued, "an attempt fails that is not under way")
        timeline.append(.attemptFailed(AttemptFailure(failure, backend: backend.id, attempt: leading)), at: now)
        deadlines.attemptEnded()
        let words = Words.failure(failure, backend: backend.name)
        if phase == .committed {
            end(.error(status, "\(backend.name): \(failure.message)", failure.outcome), now: now)
            return .tell(request.stream && hasEvents ? .event(words) : .abort)
        }
        if canRephrase {
            maximumAttempts += 1
            phase = .choosing
            return .rephrase
        }
        lastFailure = (failure, backend.name)
        if failure.isRetryable, hasAlternative, attempts < maximumAttempts, takesRetry() {
            tried.append(backend.id)
            phase = .choosing
            return .retry
        }
        // Another model has its one attempt, however many there were, and whatever the budget says: it is no load on those
        // that have failed.
        if failure.isRetryable, walk.hasNext {
            phase = .choosing
            _ = nextTarget(now: now)
            return .retry
        }
        return .tell(giveUp(status: failure.clientStatus, message: failure.message, now: now))
    }

    /// Nobody can be asked, or nobody any more: the last failure is told, or if there was none the gateway's own words.
    /// - Parameters:
    ///   - status: of the gateway's own words.
    ///   - message: likewise.
    public mutating func giveUp(status: Int, message: String, now: NIODeadline) -> Telling {
        guard let (failure, name) = lastFailure else { return refuse(status: status, message: message, now: now) }
        let words = Words.failure(failure, backend: name)
        let code = isHeadSent ? self.status : failure.clientStatus
        end(.error(code, "\(name): \(failure.message)", failure.outcome), now: now)
        return isHeadSent ? .event(words) : .answer(words)
    }

    /// The gateway does not go on with the exchange, whatever its attempts did.
    public mutating func refuse(status: Int, message: String, now: NIODeadline) -> Telling {
        end(.error(isHeadSent ? self.status : status, message), now: now)
        return isHeadSent ? .event(.own) : .answer(.own)
    }
}
