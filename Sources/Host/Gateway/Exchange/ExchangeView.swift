import Core
import Dialects
import NIOCore

/// What an operator sees of an exchange under way, and how it is ended from outside.
extension Exchange {
    var key: ActiveExchange.Key { ActiveExchange.Key(loop: loop.index, number: number) }

    /// - Parameter phase: how far it is, by `dispatch`.
    func view(_ phase: ExchangePhase, now: NIODeadline) -> ActiveExchange {
        var view = ActiveExchange(
            id: context.id, key: key, client: context.peer?.ipAddress, model: asked.model, phase: phase,
            arrival: context.arrival, elapsedMilliseconds: Self.milliseconds(from: context.arrival, to: now),
            attempts: dispatch.attempts, api: context.dialect.apiName, endpoint: context.path, stream: stream,
            priority: (context.priority ?? .normal).rawValue)
        if dispatch.request.model != asked.model { view.servedModel = dispatch.request.model }
        view.ticket = ticket
        if let glass { view.watchers = glass.pane.watchers }
        guard dispatch.isTrying, let identity = backend?.identity else { return view }
        (view.backendID, view.backend) = (identity.id, identity.name)
        guard let first = dispatch.timeline.firstByte else { return view }
        view.firstDataMilliseconds = Self.milliseconds(from: context.arrival, to: first)
        if let form = eventForm { view.note(tokens: eventCount.count(form), firstData: first, now: now) }
        return view
    }

    /// How the events look that the client gets; nil: its answer has none.
    var eventForm: EventCount.Form? {
        guard stream else { return nil }
        switch (answerType, context.dialect) {
        case (.jsonLines, _): return .jsonLines
        case (.eventStream, .anthropic): return .messages
        case (.eventStream, _): return forms.request.kind == .responses ? .responses : .data
        case (.json, _), (.other, _): return nil
        }
    }

    private static func milliseconds(from start: NIODeadline, to end: NIODeadline) -> UInt64 {
        UInt64(max(0, (end - start).nanoseconds)) / 1_000_000
    }

    /// Ends it, and tells its client so.
    /// - Returns: how it was; nil: it had ended before.
    func cancelByOperator() -> ActiveExchange? {
        let error = ErrorBody.cancelledByOperator
        guard let phase = dispatch.progress else { return nil }
        let view = view(phase, now: now)
        guard end(with: error) else { return nil }
        return view
    }
}

extension Dialect {
    /// For people and programs.
    var apiName: String {
        switch self {
        case .openAI: "openai"
        case .anthropic: "anthropic"
        case .ollama: "ollama"
        }
    }
}

extension ErrorBody {
    /// A status that no client's library tries again by itself, as it does with 409, 429 and all from 500 on; otherwise what was
    /// cancelled would come back at once.
    static let cancelledByOperator = ErrorBody(
        status: 499, message: "An operator cancelled the request.", type: "request_cancelled",
        code: "request_cancelled")
}
