import Core
import JSON
import Logging
import Store

/// Keeps what operators have the gateway do, and tells it.
struct AuditAnswers {
    let state: GatewayState

    /// `GET /v1/audit`: what is in memory, or with `before` a page of what the file has.
    func list(_ query: String) -> LocalAnswer {
        var (place, limit): (StoredPlace?, Int?) = (nil, nil)
        do throws(HistoryFilter.Problem) {
            for (name, value) in QueryValues(query).all {
                switch name {
                case "before": place = try StoredPlace(value)
                case "limit":
                    guard let number = Int(value), (1...StoreLimits.longestPage).contains(number) else {
                        throw HistoryFilter.Problem(
                            parameter: "limit", message: "limit must be a number from 1 to \(StoreLimits.longestPage).")
                    }
                    limit = number
                default:
                    throw HistoryFilter.Problem(
                        parameter: QueryValues.shown(name),
                        message:
                            "There is no parameter '\(QueryValues.shown(name))'. Those of this route are before and limit."
                    )
                }
            }
        } catch {
            return .error(
                ErrorBody(
                    status: 400, message: error.message, param: EntryLimits.cut(error.parameter, to: 64),
                    code: "invalid_argument"))
        }
        guard let place else {
            let records = state.audit.records
            return LocalAnswer(body: AuditTrail.json(Array(records.suffix(limit ?? records.count))))
        }
        guard let store = state.store else {
            return .error(.noStore("What operators have done is kept in memory alone ([history] database)."))
        }
        do throws(StoreProblem) {
            guard let page = try store.audit(before: place.before, limit: limit ?? StoreLimits.usualPage) else {
                return .error(.overloaded)
            }
            return LocalAnswer(body: page.json)
        } catch {
            return .error(.noStore("The history's file cannot be read: \(error)."))
        }
    }

    /// What is to be done when a command has its answer. It is noted once.
    /// - Returns: takes the status, and the body of an error.
    func note(_ context: RequestContext) -> (Int, [UInt8]) -> Void {
        { status, body in
            let problem =
                status >= 400 ? (try? JSONValue.parse(body))?["error"]?["message"]?.string ?? "status \(status)" : nil
            append(context, status: status, problem: status == 499 ? "The client did not wait." : problem)
        }
    }

    func append(_ context: RequestContext, status: Int, problem: String?) {
        var isSession = false
        if case .session = context.principal { isSession = true }
        append(
            AuditRecord(
                at: Clock.preciseWallSeconds(), key: context.key?.name,
                certificate: context.principal.certificate?.name, isSession: isSession,
                client: context.peer?.ipAddress ?? "",
                command: "\(context.method.text) \(context.path)\(shownQuery(context))",
                status: status, problem: problem))
    }

    /// Whose captures were deleted, and of when; which request was watched: names of keys that there are, what is an instant or tells a
    /// request from others, and no text that may be a key.
    private func shownQuery(_ context: RequestContext) -> String {
        let keyring = state.settings.keyring
        return AuditQuery.shown(context.query) { part in
            switch (context.path, QueryValues(String(part)).all.first) {
            case ("/v1/captures", (name: "key", let value)?): keyring.key(named: value) != nil
            case ("/v1/captures", (name: "before", let value)?):
                (try? HistoryFilter.instant(value, "before")) != nil
            case ("/ws", (name: "watch", let value)?): ActiveExchange.Key(value) != nil
            default: false
            }
        }
    }

    func append(_ record: AuditRecord) {
        state.keep(record)
        var metadata: Logger.Metadata = [
            "command": "\(record.command)", "status": .number(record.status), "key": "\(record.key ?? "")",
            "client": "\(record.client)", "problem": "\(record.problem ?? "")",
        ]
        if let name = record.certificate { metadata["certificate"] = "\(name)" }
        state.logs.operators.info("operator's command", metadata: metadata)
    }
}
