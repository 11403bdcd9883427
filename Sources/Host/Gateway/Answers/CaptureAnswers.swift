import Core
import JSON
import Store

/// Shows and deletes captures. For operators alone: bodies are what clients have written.
struct CaptureAnswers {
    let state: GatewayState

    /// `GET /v1/captures`: without bodies, the newest first.
    func list(_ query: String) -> LocalAnswer {
        var (filter, limit) = (CaptureFilter(), StoreLimits.usualPage)
        var place: StoredPlace?
        do throws(HistoryFilter.Problem) {
            for (name, value) in QueryValues(query).all {
                switch name {
                case "key": filter.key = value
                case "model": filter.model = value
                case "status":
                    guard let status = HistoryEntry.Status(rawValue: value) else {
                        throw HistoryFilter.Problem(parameter: "status", message: "status must be Success or Error.")
                    }
                    filter.failed = status == .error
                case "before": place = try StoredPlace(value)
                case "limit":
                    guard let number = Int(value), (1...StoreLimits.longestPage).contains(number) else {
                        throw HistoryFilter.Problem(
                            parameter: "limit", message: "limit must be a number from 1 to \(StoreLimits.longestPage).")
                    }
                    limit = number
                default: throw Self.unknown(name, "key, model, status, before and limit")
                }
            }
        } catch {
            return Self.refused(error)
        }
        let (wanted, before, count) = (filter, place?.before, limit)
        return read(nothing: LocalAnswer(body: CaptureEncoding.json(CapturePage()))) {
            (reader, _) throws(StoreProblem) in
            LocalAnswer(
                fields: Self.private, body: CaptureEncoding.json(try reader.page(wanted, before: before, limit: count)))
        }
    }

    /// `GET /v1/captures/{id}`: with bodies. It is noted who has read which.
    func one(_ call: RouteCall, _ later: LaterAnswer) {
        later.onStatus = AuditAnswers(state: state).note(call.context)
        let (id, answers, remote) = (call.values[0], self, later.remote)
        let isTaken = state.work.submit(size: AnswerSize.inlineLimit + 1) {
            remote.answer(
                answers.read(nothing: .error(.noCapture(id))) { (reader, key) throws(StoreProblem) in
                    guard let stored = try reader.capture(id: id, key: key) else { return .error(.noCapture(id)) }
                    return LocalAnswer(fields: Self.private, body: CaptureEncoding.json(stored))
                })
        }
        if !isTaken { later.answer(.error(.overloaded)) }
    }

    /// `DELETE /v1/captures`.
    func delete(_ call: RouteCall, _ later: LaterAnswer) {
        var filter = CaptureFilter()
        var isAll = false
        do throws(HistoryFilter.Problem) {
            for (name, value) in QueryValues(call.context.query).all {
                switch name {
                case "key": filter.key = value
                case "before": filter.before = try HistoryFilter.instant(value, "before")
                case "all": isAll = call.isSet("all")
                default: throw Self.unknown(name, "key, before and all")
                }
            }
            guard filter != CaptureFilter() || isAll else {
                throw HistoryFilter.Problem(
                    parameter: "key",
                    message: "Say which: ?key= and the name of a key, ?before= and an instant, or ?all=true.")
            }
        } catch {
            return later.answer(Self.refused(error))
        }
        delete(filter, later)
    }

    /// `DELETE /v1/captures/{id}`.
    func deleteOne(_ call: RouteCall, _ later: LaterAnswer) {
        var filter = CaptureFilter()
        filter.id = call.values[0]
        delete(filter, later, nothing: .noCapture(call.values[0]))
    }

    /// - Parameter nothing: the answer where there is none of them; nil: it says so by its number.
    private func delete(_ filter: CaptureFilter, _ later: LaterAnswer, nothing: ErrorBody? = nil) {
        guard let store = state.captures.store else { return later.answer(.error(.noCaptures(state))) }
        let remote = later.remote
        store.delete(filter) { result in
            switch result {
            case .failure(let problem): remote.answer(.error(.capturesUnreadable(problem)))
            case .success(let deletion):
                if deletion.count == 0, let nothing { return remote.answer(.error(nothing)) }
                var json = JSONWriter()
                json.beginObject()
                json.key("deleted")
                json.integer(deletion.count)
                if !deletion.isErased {
                    json.key("erased")
                    json.bool(false)
                    json.key("message")
                    json.string(
                        "What was deleted \(CaptureDeletion.words(store.path)); it is tried again each second.")
                }
                json.endObject()
                remote.answer(LocalAnswer(body: json.bytes))
            }
        }
    }

    /// - Parameter nothing: the answer where nothing has been captured yet, so that there is no file.
    private func read(
        nothing: LocalAnswer, _ body: (CaptureReader, CaptureKey?) throws(StoreProblem) -> LocalAnswer
    ) -> LocalAnswer {
        guard let store = state.captures.store else { return .error(.noCaptures(state)) }
        do throws(StoreProblem) {
            return try store.read(body) ?? .error(.overloaded)
        } catch {
            return error == .missing && store.problem == nil ? nothing : .error(.capturesUnreadable(error))
        }
    }

    /// Nothing between is to keep what clients have written.
    private static let `private`: [(StaticString, String)] = [("cache-control", "no-store")]

    private static func unknown(_ name: String, _ known: String) -> HistoryFilter.Problem {
        HistoryFilter.Problem(
            parameter: QueryValues.shown(name),
            message: "There is no parameter '\(QueryValues.shown(name))'. Those of this route are \(known).")
    }

    private static func refused(_ problem: HistoryFilter.Problem) -> LocalAnswer {
        .error(
            ErrorBody(
                status: 400, message: problem.message, param: EntryLimits.cut(problem.parameter, to: 64),
                code: "invalid_argument"))
    }
}

extension ErrorBody {
    fileprivate static func noCapture(_ id: String) -> ErrorBody {
        ErrorBody(
            status: 404,
            message:
                "There is no capture '\(EntryLimits.cutBytes(id, to: 64))', or not any more. GET /v1/captures lists them.",
            code: "capture_not_found")
    }

    fileprivate static func noCaptures(_ state: GatewayState) -> ErrorBody {
        let why = state.captures.problem.map { "Captures are not kept: \($0.words)." }
        return ErrorBody(
            status: 503,
            message: why
                ?? "No captures are kept: they are off. Who runs the gateway can turn them on with enabled = true "
                + "under [captures] in nexus.toml.",
            type: "service_unavailable_error", code: "captures_unavailable")
    }

    fileprivate static func capturesUnreadable(_ problem: StoreProblem) -> ErrorBody {
        ErrorBody(
            status: 503, message: "The file of captures cannot be used: \(problem).",
            type: "service_unavailable_error", code: "captures_unavailable")
    }
}
