import Core
import Dashboard

/// The page of `GET /`, and parts of it for its script.
struct PageAnswers {
    private static let renderer = PageRenderer()
    let state: GatewayState

    func page(_ call: RouteCall, _ later: LaterAnswer) {
        let (context, remote) = (call.context, later.remote)
        let parts = PagePart.named(inQuery: context.query)
        guard parts?.contains(.active) ?? true else {
            return make(parts, ActiveExchanges(), for: context, { remote.answer($0) })
        }
        state.exchangesUnderWay(limit: ActiveExchanges.updateLimit, on: later.eventLoop) { list in
            // Without places in the queue rather than not at all.
            let show: @Sendable (ActiveExchanges) -> Void = { list in
                make(parts, list, for: context, { remote.answer($0) })
            }
            if !state.complete(list, then: show) { show(list) }
        }
    }

    /// Makes it here if it is small, else on another thread.
    private func make(
        _ parts: Set<PagePart>?, _ active: ActiveExchanges, for context: RequestContext,
        _ answer: @escaping @Sendable (LocalAnswer) -> Void
    ) {
        let size = AnswerSize.page(state, parts)
        let make: @Sendable () -> Void = { answer(html(parts, active, context).packed(for: context)) }
        guard size > AnswerSize.inlineLimit else { return make() }
        if !state.work.submit(size: size, make) { answer(.error(.overloaded)) }
    }

    private func html(_ parts: Set<PagePart>?, _ active: ActiveExchanges, _ context: RequestContext) -> LocalAnswer {
        var page = state.page(isWhole: parts == nil)
        page.active = active
        page.options = PageOptions(query: context.query)
        page.mayWatch =
            state.settings.showsContent && AccessGate.refusal(.operator, context, state.settings) == nil
        return LocalAnswer(
            contentType: PageRenderer.contentType,
            fields: [
                ("content-security-policy", PageRenderer.contentSecurityPolicy), ("cache-control", "no-store"),
                ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"),
            ],
            body: Self.renderer.render(page, parts: parts))
    }
}
