import Core
import JSON
import Store

/// What has ended: the history, filtered, and one record with its time line.
struct HistoryAnswers {
    let state: GatewayState

    /// `GET /v1/history`. Without parameters it is all there is.
    func list(_ query: String) -> LocalAnswer {
        var filter = HistoryFilter()
        var isTable = false
        var place: StoredPlace?
        do throws(HistoryFilter.Problem) {
            for (name, value) in QueryValues(query).all {
                if name == "format" {
                    isTable = try Self.isTable(value)
                } else if name == "before" {
                    place = try StoredPlace(value)
                } else if try !filter.set(name, value), !name.hasPrefix("_") {
                    // Pages add one that begins so, to get by caches.
                    throw HistoryFilter.Problem(
                        parameter: QueryValues.shown(name),
                        message: "There is no parameter '\(QueryValues.shown(name))'. "
                            + "Those of this route are \(HistoryFilter.parameters.joined(separator: ", ")), before and format."
                    )
                }
            }
        } catch {
            return .error(
                ErrorBody(
                    status: 400, message: error.message, param: EntryLimits.cut(error.parameter, to: 64),
                    code: "invalid_argument"))
        }
        filter.backends = filter.backends.map(ids)
        if let place { return page(filter, place, isTable: isTable) }
        let entries = filter.apply(state.history.entries)
        guard isTable else { return LocalAnswer(body: ContractEncoder.history(entries)) }
        return LocalAnswer(
            contentType: HistoryTable.contentType,
            fields: [("content-disposition", "attachment; filename=\"nexus-history.csv\"")],
            body: HistoryTable.csv(entries))
    }

    /// A page of what the file has, the newest first.
    private func page(_ filter: HistoryFilter, _ place: StoredPlace, isTable: Bool) -> LocalAnswer {
        guard let store = state.store else {
            return .error(.noStore("The history is kept in memory alone ([history] database)."))
        }
        let page: StoredPage
        do throws(StoreProblem) {
            guard let found = try store.page(filter, before: place.before) else {
                return .error(.overloaded)
            }
            page = found
        } catch {
            return .error(.noStore("The history's file cannot be read: \(error)."))
        }
        guard isTable else { return LocalAnswer(body: StoredPageEncoding.json(page)) }
        var bytes = HistoryTable.head
        for stored in page.entries { HistoryTable.append(stored.entry, route: stored.route, to: &bytes) }
        return LocalAnswer(
            contentType: HistoryTable.contentType,
            fields: [
                ("content-disposition", "attachment; filename=\"nexus-history.csv\""),
                ("x-nexus-next-before", page.next.map { "\($0)" } ?? ""),
            ],
            body: bytes)
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

    /// `GET /v1/requests/{id}`: the newest of that id that has ended, or the one of `seq`; else one that is under way; else what
    /// the file has of it.
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
                guard !list.exchanges.isEmpty else {
                    return HistoryAnswers(state: state).storedRecord(id, sequence, remote)
                }
                let answer: @Sendable (ActiveExchanges) -> Void = { list in
                    guard let exchange = list.exchanges.first else { return }
                    remote.answer(LocalAnswer(body: ContractEncoder.record(exchange)))
                }
                if !state.complete(list, then: answer) { answer(list) }
            })
    }

    /// The same of one that is not in memory any more.
    private func storedRecord(_ id: String, _ sequence: UInt64?, _ remote: LaterAnswer.Remote) {
        guard let store = state.store else { return remote.answer(.error(.recordNotFound(id))) }
        let isTaken = state.work.submit(size: AnswerSize.inlineLimit + 1) {
            remote.answer(Self.storedRecord(id, sequence, store))
        }
        if !isTaken { remote.answer(.error(.overloaded)) }
    }

    private static func storedRecord(_ id: String, _ sequence: UInt64?, _ store: HistoryStore) -> LocalAnswer {
        do throws(StoreProblem) {
            guard let found = try store.entries(requestID: id) else { return .error(.overloaded) }
            guard let stored = found.first(where: { sequence == nil || $0.entry.sequence == sequence }) else {
                return .error(.recordNotFound(id))
            }
            let others = found.filter { $0.entry.instance == stored.entry.instance && $0.id != stored.id }
            return LocalAnswer(
                body: ContractEncoder.record(
                    stored.entry, route: stored.route, others: others.map(\.entry.sequence).reversed()))
        } catch {
            // It is not in memory, and whether the file has it is not known.
            return .error(
                .noStore("No request with that id is in memory, and the history's file cannot be read: \(error)."))
        }
    }
}

/// Where a page of what the file has begins.
struct StoredPlace {
    var before: Int64?

    /// - Parameter text: "newest", or as the page before told it.
    init(_ text: String) throws(HistoryFilter.Problem) {
        guard !text.isEmpty, text != "newest" else { return }
        guard let id = Int64(text), id > 0 else {
            throw HistoryFilter.Problem(
                parameter: "before", message: "before must be newest, or next_before of the page before.")
        }
        before = id
    }
}

extension ErrorBody {
    static func noStore(_ message: String) -> ErrorBody {
        ErrorBody(
            status: 503, message: message, type: "service_unavailable_error", code: "history_unavailable")
    }

    static func recordNotFound(_ id: String) -> ErrorBody {
        ErrorBody(
            status: 404,
            message: "No request with the id '\(EntryLimits.cut(id, to: 200))' is under way or in the history. "
                + "GET /v1/history lists the last that ended, and with before=newest those that are on disk.",
            code: "request_not_found")
    }
}
