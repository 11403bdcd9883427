import Core

/// What has ended: the history, filtered, and one record with its time line.
struct HistoryAnswers {
    let state: GatewayState

    /// `GET /v1/history`. Without parameters it is all there is.
    func list(_ query: String) -> LocalAnswer {
        var filter = HistoryFilter()
        var isTable = false
        do throws(HistoryFilter.Problem) {
            for (name, value) in QueryValues(query).all {
                if name == "format" {
                    isTable = try Self.isTable(value)
                } else if try !filter.set(name, value), !name.hasPrefix("_") {
                    // Pages add one that begins so, to get by caches.
                    throw HistoryFilter.Problem(
                        parameter: name,
                        message: "There is no parameter '\(EntryLimits.cut(name, to: 64))'. "
                            + "Those of this route are \(HistoryFilter.parameters.joined(separator: ", ")) and format.")
                }
            }
        } catch {
            return .error(
                ErrorBody(
                    status: 400, message: error.message, param: EntryLimits.cut(error.parameter, to: 64),
                    code: "invalid_argument"))
        }
        filter.backends = filter.backends.map(ids)
        let entries = filter.apply(state.history.entries)
        guard isTable else { return LocalAnswer(body: ContractEncoder.history(entries)) }
        return LocalAnswer(
            contentType: HistoryTable.contentType,
            fields: [("content-disposition", "attachment; filename=\"nexus-history.csv\"")],
            body: HistoryTable.csv(entries))
    }

    private static func isTable(_ format: String) throws(HistoryFilter.Problem) -> Bool {
        switch format {
        case "csv": return true
        case "json", "": return false
        default: throw HistoryFilter.Problem(parameter: "format", message: "format must be json or csv.")
        }
    }

    /// Of the backends that have one of these ids, or names.
    private func ids(_ names: Set<String>) -> Set<String> {
        names.union(state.registry.views.lazy.filter { names.contains($0.name) }.map(\.id))
    }

    /// `GET /v1/requests/{id}`: the newest of that id that has ended, or the one of `seq`; else one that is under way.
    func record(_ call: RouteCall, _ later: LaterAnswer) {
        let id = call.values[0]
        let wanted = QueryValues(call.context.query).all.last { $0.name == "seq" }?.value
        let sequence = wanted.flatMap(UInt64.init)
        guard wanted == nil || sequence != nil else {
            return later.answer(
                .error(
                    ErrorBody(
                        status: 400, message: "seq must be a number, as GET /v1/history has it.", param: "seq",
                        code: "invalid_argument")))
        }
        let found = state.history.entries.filter { $0.requestID == id }
        if let entry = found.last(where: { sequence == nil || $0.sequence == sequence }) {
            let others = found.map(\.sequence).filter { $0 != entry.sequence }
            return later.answer(LocalAnswer(body: ContractEncoder.record(entry, others: others)))
        }
        let (state, remote) = (state, later.remote)
        state.loops.ask(
            on: later.eventLoop, { $0.exchanges(id: id, number: nil, limit: 1) },
            then: { parts, silent in
                let list = ActiveExchanges(merging: parts, limit: 1, silentLoops: silent)
                guard !list.exchanges.isEmpty else { return remote.answer(.error(.recordNotFound(id))) }
                let answer: @Sendable (ActiveExchanges) -> Void = { list in
                    guard let exchange = list.exchanges.first else { return }
                    remote.answer(LocalAnswer(body: ContractEncoder.record(exchange)))
                }
                if !state.complete(list, then: answer) { answer(list) }
            })
    }
}

extension ErrorBody {
    static func recordNotFound(_ id: String) -> ErrorBody {
        ErrorBody(
            status: 404,
            message: "No request with the id '\(EntryLimits.cut(id, to: 200))' is under way or in the history, which "
                + "holds the last that ended ([history] capacity). GET /v1/history lists them.",
            code: "request_not_found")
    }
}
