import Core
import NIOCore

/// What an exchange takes of the limits of its client's key.
extension Exchange {
    /// - Returns: why it takes nothing and is refused; nil: it may go on.
    func takeAllowance(of key: AccessKey) -> ErrorBody? {
        do throws(LimitReached) {
            allowance = try key.usage.take(
                key.rule.limits, tokens: estimatedTokens, now: now.uptimeNanoseconds, wall: Clock.wallSeconds())
            return nil
        } catch {
            return ErrorBody(error)
        }
    }

    /// Of the prompt, as it is learnt that the model's tokens are, and of the answer as far as the request says how long that may be.
    private var estimatedTokens: UInt64 { promptEstimate.addingSaturated(asked.answerTokens) }

    private var promptEstimate: UInt64 {
        let text = requestBytes - min(requestBytes, UInt64(max(0, asked.dataBytes)))
        return loop.shared.registry.estimates.tokens(text / 4, model: dispatch.request.model)
    }

    /// Makes the estimate right with what the server has told.
    func settleAllowance() {
        guard let allowance = allowance.take(), let key = context.key else { return }
        var (isServed, outcome) = (false, ExchangeOutcome())
        for entry in dispatch.timeline.entries {
            switch entry.event {
            case .committed: isServed = true
            case .ended(let end):
                isServed = isServed || end.status == .success
                outcome = end.outcome
            default: break
            }
        }
        key.usage.settle(
            allowance, prompt: outcome.promptTokens, completion: outcome.completionTokens, isServed: isServed,
            seen: promptEstimate.addingSaturated(seenTokens), now: now.uptimeNanoseconds)
    }

    /// Of the answer: about as many as its events. A client that hangs up before the server has counted had them all the same.
    private var seenTokens: UInt64 { eventForm.map(eventCount.count) ?? 0 }
}

extension UInt64 {
    fileprivate func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, isTooMuch) = addingReportingOverflow(other)
        return isTooMuch ? .max : sum
    }
}
