import ArgumentParser
import Core
import Glibc
import JSON
import Terminal

struct ReplayCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "Send a captured request again, and show both answers.",
        discussion:
            "The request goes through the running gateway as any other, with your key and to the same route. Ends "
            + "with status 0 if it is answered as well as before, with 1 if it fails now: also if its stream breaks off, or "
            + "nobody can tell how it ended.")
    @OptionGroup var host: HostOptions
    @Argument(help: "Id of a capture; see 'nexus captures list'.") var id: String
    @Option(help: "Ask this backend (id or name) and no other.") var backend: String?
    @Flag(help: "Also a request of which something was taken out before it was kept.") var redacted = false

    func run() throws {
        let capture = try CapturesCommand.fetch(id, host)
        let request = capture["request"] ?? .null
        if let problem = request["problem"]?.string {
            throw fail("the request was not kept: \(CellText.clean(problem))")
        }
        guard request["cut"]?.bool != true else {
            throw fail("the request was longer than what is kept of it (max_body_bytes under [captures])")
        }
        guard redacted || request["redacted"]?.bool != true else {
            throw fail("something was taken out of the request before it was kept; --redacted sends it as it is")
        }
        guard
            let body = request["text"]?.string.map({ Array($0.utf8) })
                ?? request["base64"]?.string.flatMap(Base64Text.decoded),
            let path = capture["endpoint"]?.string, path.hasPrefix("/")
        else { throw fail("the capture is not whole") }
        if let backend, !Self.isHeader(backend) { throw fail("--backend names no backend") }
        let type = request["content_type"]?.string ?? ""
        let again = Self.newID
        let begun = Clock.monotonicMilliseconds()
        let answer = try send(
            body, to: path, type: Self.isHeader(type) && !type.isEmpty ? type : "application/json", id: again)
        let milliseconds = Clock.monotonicMilliseconds() - begun
        let problem = answer.status >= 400 ? nil : try problem(of: again)
        show(capture, answer, milliseconds, again, problem)
        if answer.status >= 400 || problem != nil { throw ExitCode(1) }
    }

    /// Of the request that is sent: by it its record is found.
    private static var newID: String {
        let digits = String(UInt64.random(in: 0...UInt64.max), radix: 16)
        return "replay-" + String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    /// Milliseconds for which the record of a request is waited for whose answer is there.
    private static let patience: Int64 = 5000

    /// Why a request has failed whose answer began well: a stream that breaks off has sent its status long before. Nil: it has not.
    private func problem(of id: String) throws -> String? {
        let end = Clock.monotonicMilliseconds() + Self.patience
        while true {
            let (status, body) = try host.get("/v1/requests/\(id)")
            let value = try host.parsed(body)
            if status == 200, let record = value["record"] {
                guard record["status"]?.string != HistoryEntry.Status.success.rawValue else { return nil }
                return record["error_message"]?.string
                    ?? "its record says so, with status \(record["status_code"]?.int ?? 0)"
            }
            // What is under way has no record yet.
            guard status == 200 || status == 404, Clock.monotonicMilliseconds() < end else {
                return "nobody can tell how it ended: "
                    + (GatewayWords.message(value) ?? "it is under way, though its answer has come to an end")
            }
            usleep(50_000)
        }
    }

    private func send(
        _ body: [UInt8], to path: String, type: String, id: String
    ) throws -> (status: Int, body: [UInt8]) {
        let place = try host.place()
        var fields = [("Content-Type", type), ("x-request-id", id)]
        if let backend { fields.append(("x-nexus-backend", backend)) }
        do throws(PlainHTTP.Failure) {
            return try PlainHTTP.ask(
                "POST", at: place, path: Self.escaped(path), body: body, key: host.shownKey, fields: fields,
                patience: nil)
        } catch {
            throw fail("\(place): \(error.reason)")
        }
    }

    private static func escaped(_ path: String) -> String {
        path.split(separator: "/", omittingEmptySubsequences: false).map { PathPart.encoded(String($0)) }.joined(
            separator: "/")
    }

    /// It may stand in a field of a request.
    private static func isHeader(_ text: String) -> Bool { text.utf8.allSatisfy { (0x20...0x7E).contains($0) } }

    private func show(
        _ capture: JSONValue, _ answer: (status: Int, body: [UInt8]), _ milliseconds: Int64, _ id: String,
        _ problem: String?
    ) {
        let text = String(decoding: answer.body, as: UTF8.self)
        if host.json {
            let now: JSONValue = [
                "status_code": .number(JSONNumber(answer.status)), "duration_ms": .number(JSONNumber(milliseconds)),
                "request_id": .string(id), "problem": problem.map { .string($0) } ?? .null, "text": .string(text),
            ]
            let both: JSONValue = ["captured": capture, "now": now]
            return print(String(decoding: both.bytes, as: UTF8.self))
        }
        print("captured: \(capture["status_code"]?.int ?? 0) after \(capture["duration_ms"]?.int ?? 0) ms")
        for line in CapturesCommand.bodyLines(capture["answer"] ?? .null) { print(line) }
        print("")
        let failed = problem.map { ", failed: \(CellText.clean($0))" } ?? ""
        print("now: \(answer.status) after \(milliseconds) ms\(failed)")
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            print(CellText.clean(String(line)))
        }
    }
}
