import ArgumentParser
import Core
import JSON
import Terminal

struct RequestsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "requests", abstract: "Requests under way at the running gateway.",
        subcommands: [List.self, Cancel.self], defaultSubcommand: List.self)

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the requests under way, the oldest first.",
            discussion: "TOKENS is counted from the pieces of a stream. A request that waits for a place has its place "
                + "in the queue behind its phase.")
        @OptionGroup var host: HostOptions
        @Option(help: "Show so many of them, at most 1000.") var limit: Int?

        func run() throws {
            let (status, body) = try host.get("/v1/requests/active" + (limit.map { "?limit=\($0)" } ?? ""))
            let value = try host.parsed(body)
            guard status == 200 else { throw fail(GatewayWords.refusal(value, status)) }
            if host.json { return print(String(decoding: body, as: UTF8.self)) }
            let requests = value["data"]?.array ?? []
            if requests.isEmpty {
                print("No requests are under way.")
            } else {
                print(
                    TextTable.render(
                        ["ID", "CLIENT", "MODEL", "BACKEND", "PHASE", "ELAPSED", "TOKENS", "PER S", "ATTEMPTS", "API"],
                        requests.map(RequestsCommand.row)))
            }
            if let left = value["left_out"]?.int, left > 0 { print("And \(left) more.") }
            if let silent = value["silent_loops"]?.int, silent > 0 {
                print("Not all can be seen: \(silent) of the gateway's event loops did not answer; see its log.")
            }
        }
    }

    struct Cancel: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Cancel requests under way.",
            discussion: "Their clients are told that an operator cancelled them. Ends with status 1 if one of the ids "
                + "is of no request under way.")
        @OptionGroup var host: HostOptions
        @Argument(help: "Ids of requests; see 'nexus requests list'.") var ids: [String]
        @Flag(help: "If clients gave several requests one id, cancel them all.") var all = false
        @Option(help: "If clients gave several requests one id, the one whose \"exchange\" is so.")
        var exchange: String?

        func run() throws {
            guard exchange == nil || ids.count == 1 && !all else { throw usage("--exchange is of one request") }
            var failure: ExitCode?
            for id in ids {
                let query = exchange.map { "?exchange=\(PathPart.encoded($0))" } ?? (all ? "?all=true" : "")
                let path = "/v1/requests/\(PathPart.encoded(id))" + query
                let (status, body) = try host.delete(path)
                let value = try host.parsed(body)
                guard status == 200 else {
                    failure = fail(GatewayWords.refusal(value, status))
                    continue
                }
                if host.json {
                    print(String(decoding: body, as: UTF8.self))
                    continue
                }
                for request in value["data"]?.array ?? [] { print(Self.line(request)) }
                if let left = value["left_out"]?.int, left > 0 { print("\(left) more have that id; say it again.") }
            }
            if let failure { throw failure }
        }

        private static func line(_ request: JSONValue) -> String {
            let place = request["backend"]?.string.map { " at \($0)" } ?? ""
            return CellText.clean(
                "Cancelled \(request["id"]?.string ?? "") (\(request["model"]?.string ?? "")\(place), "
                    + "\(RequestsCommand.phase(request)) after \(RequestsCommand.elapsed(request))).")
        }
    }

    private static func row(_ request: JSONValue) -> [String] {
        let speed = request["tokens_per_second"]?.double.map { String($0.whole(in: 0...1_000_000_000)) }
        return [
            request["id"]?.string ?? "", request["client"]?.string ?? "-", request["model"]?.string ?? "",
            request["backend"]?.string ?? "-", phase(request), elapsed(request),
            request["tokens"]?.int.map(String.init) ?? "-", speed ?? "-", "\(request["attempts"]?.int ?? 0)",
            (request["api"]?.string ?? "") + (request["stream"]?.bool == true ? ", stream" : ""),
        ]
    }

    private static func phase(_ request: JSONValue) -> String {
        (request["phase"]?.string ?? "") + (request["place"]?.int.map { " (\($0))" } ?? "")
    }

    /// "0.4 s", "75 s".
    private static func elapsed(_ request: JSONValue) -> String {
        let milliseconds = request["elapsed_ms"]?.int ?? 0
        return milliseconds < 10_000
            ? "\(milliseconds / 1000).\(milliseconds % 1000 / 100) s" : "\(milliseconds / 1000) s"
    }
}
