import Core
import JSON
import Logging

/// `GET /v1/logs`: the newest lines of the gateway's log.
struct LogAnswers {
    /// Lines that are given if none are asked for by number.
    private static let usual = 200

    let state: GatewayState

    private struct Query {
        var after: UInt64 = 0
        var limit = LogAnswers.usual
        var filter = LogFilter()

        init(_ text: String) throws(ErrorBody) {
            for (name, value) in QueryValues(text).all {
                switch name {
                case "after":
                    guard let after = UInt64(value) else {
                        throw LogAnswers.problem("after must be the seq of a line, or 0.", "after")
                    }
                    self.after = after
                case "limit":
                    guard let limit = Int(value), (1...LogRing.Limits.lines).contains(limit) else {
                        throw LogAnswers.problem("limit must be a number from 1 to \(LogRing.Limits.lines).", "limit")
                    }
                    self.limit = limit
                case "level":
                    let all = Logger.Level.allCases
                    guard let place = all.firstIndex(where: { $0.rawValue == value }) else {
                        throw LogAnswers.problem(
                            "level must be one of \(all.map(\.rawValue).joined(separator: ", ")): the least that is wanted.",
                            "level")
                    }
                    filter.levels = Set(all[place...].map(\.rawValue))
                case "component":
                    guard Configuration.Logging.Component(rawValue: value) != nil else {
                        let all = Configuration.Logging.Component.allCases.map(\.rawValue).joined(separator: ", ")
                        throw LogAnswers.problem("component must be one of \(all).", "component")
                    }
                    filter.component = value
                case "requests":
                    guard let requests = Configuration.Logging.Requests(rawValue: value) else {
                        throw LogAnswers.problem(
                            "requests must be all, errors or none: which lines of requests.", "requests")
                    }
                    filter.requests = requests
                case "request": filter.request = value
                case "model": filter.model = value
                case "client": filter.client = value
                case "backend": filter.backend = value
                default: break
                }
            }
        }
    }

    private static func problem(_ message: String, _ param: String) -> ErrorBody {
        ErrorBody(status: 400, message: message, param: param, code: "invalid_argument")
    }

    func lines(_ query: String) -> LocalAnswer {
        do throws(ErrorBody) {
            let query = try Query(query)
            let tail = GatewayLog.tail.tail(after: query.after, limit: query.limit, query.filter)
            return LocalAnswer(fields: [("cache-control", "no-store")], body: json(tail))
        } catch {
            return .error(error)
        }
    }

    private func json(_ tail: LogRing.Tail) -> [UInt8] {
        var json = JSONWriter(capacity: 256 + tail.lines.count * 256)
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("instance_id")
        json.string(state.ledger.instance.id)
        json.key("last_seq")
        json.integer(tail.last)
        json.key("skipped")
        json.integer(tail.skipped)
        json.key("data")
        json.beginArray()
        for line in tail.lines {
            json.beginObject()
            json.key("seq")
            json.integer(line.sequence)
            json.key("time")
            json.string(Timestamp.text(milliseconds: line.at))
            json.key("level")
            json.string(line.level)
            json.key("component")
            json.string(line.component)
            json.key("message")
            json.string(line.message)
            json.key("request_id")
            if let request = line.request { json.string(request) } else { json.null() }
            json.key("fields")
            json.beginObject()
            for (name, value) in line.fields {
                json.key(name)
                LogFormat.write(value, to: &json)
            }
            json.endObject()
            json.endObject()
        }
        json.endArray()
        json.endObject()
        return json.bytes
    }
}
