import Core
import Dialects
import NIOCore

/// How an exchange shows what its client is sent to those that watch. Nothing of this runs while nobody does.
extension Exchange {
    /// What the client is sent from now on is shown on the pane.
    /// - Parameter phase: how far it is, by `dispatch`.
    /// - Returns: the exchange as it is.
    func show(on pane: GlassPane, _ phase: ExchangePhase) -> ActiveExchange {
        if glass?.pane !== pane {
            let exchange = NIOLoopBound(self, eventLoop: loop.eventLoop)
            glass = GlassTap(pane, form: textForm, loop: loop) { [weak pane] in
                // Another one may have come in its place.
                if exchange.value.glass?.pane === pane { exchange.value.glass = nil }
            }
        }
        return view(phase, now: now)
    }

    private var textForm: AnswerTextReader.Form {
        guard stream else { return .whole }
        return context.dialect == .ollama ? .lines : .events
    }

    /// To be called when `dispatch` is over.
    func endGlass() {
        guard let tap = glass.take() else { return }
        guard case .ended(let end)? = dispatch.timeline.entries.last?.event else {
            return tap.end(.ended(status: nil, message: nil))
        }
        tap.end(.ended(status: end.code, message: end.message))
    }
}

extension LoopState {
    /// An exchange of this loop that is still under way is shown on the pane. Nil: there is none.
    func show(_ key: ActiveExchange.Key, on pane: GlassPane) -> ActiveExchange? {
        for connection in connections {
            guard let exchange = connection.service?.exchange, exchange.number == key.number,
                let phase = exchange.dispatch.progress
            else { continue }
            return exchange.show(on: pane, phase)
        }
        return nil
    }
}

extension ErrorBody {
    static let contentHidden = ErrorBody(
        status: 403,
        message: "The text of requests is not shown. Who runs the gateway can allow it to operators: "
            + "show_content = true under [dashboard] in nexus.toml.",
        type: "permission_error", code: "content_hidden")

    static let noExchangeKey = ErrorBody(
        status: 400, message: "watch must be as GET /v1/requests/active has \"exchange\", such as 0-17.",
        param: "watch", code: "invalid_argument")

    static func exchangeNotFound(_ key: ActiveExchange.Key) -> ErrorBody {
        ErrorBody(
            status: 404,
            message: "No request '\(key.text)' is under way; it may have ended. GET /v1/requests/active lists those "
                + "that are.",
            code: "request_not_found")
    }

    static let tooManyWatchers = ErrorBody(
        status: 503,
        message: "As many watch as may: \(GlassDesk.Limits.watchersOfOne) one request, "
            + "\(GlassDesk.Limits.watchers) all together.",
        type: "service_unavailable_error", code: "too_many_watchers", retryAfter: 5)
}
