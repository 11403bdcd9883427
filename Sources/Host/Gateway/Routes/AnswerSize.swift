import Core
import Dashboard

/// About how many bytes an answer has, or are read to make it. Cheap.
enum AnswerSize {
    /// Of an answer that is made on the event loop: some 5 ms of work.
    static let inlineLimit = 128 * 1024

    @Sendable static func models(_ state: GatewayState) -> Int {
        state.registry.views.reduce(0) { $0 + 1024 + 256 * $1.models.count }
    }

    /// What is looked at of each, without its models.
    @Sendable static func backends(_ state: GatewayState) -> Int { state.registry.snapshot.backends.count * 512 }

    @Sendable static func figures(_ state: GatewayState) -> Int {
        state.registry.views.reduce(0) { $0 + 2048 + 512 * $1.models.count }
    }

    /// Of the process the system is asked, on another thread.
    @Sendable static func metrics(_ state: GatewayState) -> Int { max(figures(state), inlineLimit + 1) }

    /// What is read of a file is read on another thread.
    @Sendable static func stored(_ state: GatewayState) -> Int { state.store == nil ? 0 : inlineLimit + 1 }

    @Sendable static func storedHistory(_ state: GatewayState) -> Int { max(history(state), stored(state)) }

    @Sendable static func storedSeries(_ state: GatewayState) -> Int { max(series(state), stored(state)) }

    /// 384 bytes an entry; there cannot be more entries than requests.
    @Sendable static func history(_ state: GatewayState) -> Int {
        min(Int(clamping: state.figures.totals.total), state.history.capacity) * 384
    }

    /// What is read of a model at a backend is as much work as writing half a kilobyte.
    @Sendable static func series(_ state: GatewayState) -> Int { 16 * 1024 + state.series.pairCount * 512 }

    /// - Parameter parts: of the page; nil: all of it.
    static func page(_ state: GatewayState, _ parts: Set<PagePart>?) -> Int {
        let parts = parts ?? Set(PagePart.allCases)
        return (parts.contains(.models) ? models(state) : state.registry.views.count * 1024)
            + (parts.contains(.history) ? history(state) : 0)
    }
}
