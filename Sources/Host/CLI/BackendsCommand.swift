import ArgumentParser
import Glibc
import JSON
import Terminal

struct BackendsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backends", abstract: "See and change the backends of the running gateway.",
        discussion: "Changes last until the gateway ends; with --persist they are kept in a state file beside the "
            + "configuration, which itself is never written.",
        subcommands: [List.self, Add.self, Remove.self, Drain.self, Enable.self, Set.self], defaultSubcommand: List.self
    )

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show all backends and how they are.")
        @OptionGroup var host: HostOptions

        func run() throws {
            let (status, body) = try host.get("/v1/backends")
            let value = try host.parsed(body)
            guard status == 200 else { throw fail(GatewayWords.refusal(value, status)) }
            if host.json { return print(String(decoding: body, as: UTF8.self)) }
            let backends = value["data"]?.array ?? []
            if backends.isEmpty { return print("No backends; name one in the configuration ('nexus config init').") }
            print(
                TextTable.render(
                    ["NAME", "TYPE", "STATUS", "MODELS", "PENDING", "REQUESTS", "URL", "LAST ERROR"],
                    backends.map { backend in
                        [
                            backend["name"]?.string ?? "", backend["backend_type"]?.string ?? "",
                            (backend["state"] ?? backend["status"])?.string ?? "",
                            "\(backend["models"]?.array?.count ?? 0)",
                            "\(backend["pending_requests"]?.int ?? 0)", "\(backend["total_requests"]?.int ?? 0)",
                            backend["url"]?.string ?? "", backend["last_error"]?.string ?? "",
                        ]
                    }))
        }
    }
}

extension BackendsCommand {
    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Add a backend.",
            discussion:
                "Without --type every adapter is asked whether it knows the server; without a name it is called "
                + "after its type and port. The type may also be the name of a kind of server, such as vllm, lmstudio, "
                + "llamacpp or generic. An option is name=text or name:=JSON, e.g. --option usage=always.")
        @OptionGroup var host: HostOptions
        @Argument(help: "Address of the server, with a name before it if you like: [NAME] URL.") var server: [String]
        @Option(help: "Name of the backend.") var name: String?
        @Option(help: "An adapter's type ('nexus adapters list'), or a kind of server.") var type: String?
        @Option(help: "Lower wins (50).") var priority: Int?
        @Option(name: .customLong("max-concurrent"), help: "Requests at once; default: no limit.") var maxConcurrent:
            Int?
        @Option(name: .customLong("api-key-env"), help: "Variable of the gateway that holds the key; may be repeated.")
        var keyVariables: [String] = []
        @Option(name: .customLong("option"), help: "An option of the adapter; may be repeated.")
        var options: [String] = []
        @Flag(help: "Keep it across restarts.") var persist = false

        func run() throws {
            guard (1...2).contains(server.count), let url = server.first(where: { $0.contains("://") }) else {
                throw usage("name the server by its address, like 'nexus backends add http://127.0.0.1:8080'")
            }
            let names = server.filter { $0 != url } + (name.map { [$0] } ?? [])
            guard names.count <= 1 else { throw usage("the backend has two names; give one") }
            var body = JSONObject()
            body["url"] = .some(.string(url))
            if let name = names.first { body["name"] = .some(.string(name)) }
            if let type { body["type"] = .some(.string(type)) }
            if let priority { body["priority"] = .some(.number(JSONNumber(priority))) }
            if let maxConcurrent { body["max_concurrent"] = .some(.number(JSONNumber(maxConcurrent))) }
            if !keyVariables.isEmpty { body["api_key_env"] = .some(.array(keyVariables.map { .string($0) })) }
            if !options.isEmpty { body["options"] = .some(.object(try ActionsCommand.parsed(options))) }
            if persist { body["persist"] = true }
            try host.command("POST", "/v1/backends", body) { answer in
                let type = answer["backend"]?["backend_type"]?.string ?? ""
                let server = answer["recognised"]?["server"]?.string ?? ""
                let found = answer["recognised"] == nil ? "" : ", recognised as \(server.isEmpty ? type : server)"
                return answer["status"]?.string == "added"
                    ? "was added: type \(type)\(found), \(BackendsCommand.state(answer))" : "was there already"
            }
        }
    }

    struct Remove: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove a backend: it takes nothing new, and goes when its requests have ended.",
            discussion: "One that stands in the configuration comes back with 'nexus backends enable', and at the next "
                + "start unless --persist is given.")
        @OptionGroup var host: HostOptions
        @Argument(help: "Name of the backend; see 'nexus backends list'.") var backend: String
        @Flag(help: "End its requests at once.") var now = false
        @OptionGroup var waiting: Waiting
        @Flag(help: "Keep it removed across restarts.") var persist = false

        func run() throws {
            let path = "/v1/backends/\(PathPart.encoded(backend))"
            let flags = [now ? "now" : "", persist ? "persist" : ""].filter { !$0.isEmpty }.joined(separator: "&")
            try host.command("DELETE", path + (flags.isEmpty ? "" : "?" + flags), nil) { answer in
                guard let pending = answer["backend"]?["pending_requests"]?.int else { return "was removed" }
                return "is removed once its requests have ended: \(pending) under way"
            }
            try waiting.untilIdle(host, path)
        }
    }

    struct Drain: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a backend no new requests; those under way end as usual.")
        @OptionGroup var host: HostOptions
        @Argument(help: "Name of the backend.") var backend: String
        @OptionGroup var waiting: Waiting
        @Flag(help: "Keep it drained across restarts.") var persist = false

        func run() throws {
            let path = "/v1/backends/\(PathPart.encoded(backend))"
            try host.command("POST", path + "/drain" + (persist ? "?persist" : ""), nil) { answer in
                "is drained: \(Counted.words(answer["backend"]?["pending_requests"]?.int ?? 0, "request")) under way"
            }
            try waiting.untilIdle(host, path)
        }
    }

    struct Enable: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract:
                "Give a backend requests again that was drained, or take back one of the configuration that was removed."
        )
        @OptionGroup var host: HostOptions
        @Argument(help: "Name of the backend.") var backend: String
        @Flag(help: "Keep it so across restarts.") var persist = false

        func run() throws {
            let path = "/v1/backends/\(PathPart.encoded(backend))/enable"
            try host.command("POST", path + (persist ? "?persist" : ""), nil) {
                "is enabled: \(BackendsCommand.state($0))"
            }
        }
    }

    struct Set: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set the priority, the limit and the time-outs of a backend.",
            discussion: "As name=value: nexus backends set gpu priority=10 max_concurrent=4 first_byte_seconds=120")
        @OptionGroup var host: HostOptions
        @Argument(help: "Name of the backend.") var backend: String
        @Argument(
            help: ArgumentHelp(
                "priority=N, max_concurrent=N or none, enabled=true or false, connect_seconds=N, first_byte_seconds=N, "
                    + "gap_seconds=N, total_seconds=N (0: any time), queue_seconds=N."))
        var values: [String] = []
        @Option(help: "Lower wins.") var priority: Int?
        @Option(name: .customLong("max-concurrent"), help: "Requests at once; none: no limit.") var maxConcurrent:
            String?
        @OptionGroup var timeouts: Timeouts
        @Flag(help: "Keep it across restarts.") var persist = false

        func run() throws {
            var (body, timeouts) = (JSONObject(), JSONObject())
            let flags =
                (priority.map { ["priority=\($0)"] } ?? []) + (maxConcurrent.map { ["max_concurrent=\($0)"] } ?? [])
            for text in values + flags + self.timeouts.values {
                guard let mark = text.firstIndex(of: "="), mark != text.startIndex else {
                    throw usage("'\(text)' must be name=value, like priority=10")
                }
                let text = (
                    name: String(text[..<mark]).replacing("-", with: "_"),
                    value: String(text[text.index(after: mark)...])
                )
                let value: JSONValue =
                    text.value == "none" ? .null : (try? JSONValue.parse(text.value)) ?? .string(text.value)
                // Those of [backends.timeouts], with or without the name of the table.
                let prefix = "timeouts."
                if text.name.hasSuffix("_seconds") {
                    let key = text.name.hasPrefix(prefix) ? String(text.name.dropFirst(prefix.count)) : text.name
                    // 0 is what stands for no limit there.
                    timeouts[key] = .some(value.isNull && key != "queue_seconds" ? 0 : value)
                } else {
                    body[text.name] = .some(value)
                }
            }
            if !timeouts.isEmpty { body["timeouts"] = .some(.object(timeouts)) }
            guard !body.isEmpty else {
                throw usage("there is nothing to set; write it as name=value, like priority=10 or max_concurrent=4")
            }
            if persist { body["persist"] = true }
            try host.command("PATCH", "/v1/backends/\(PathPart.encoded(backend))", body) { answer in
                let priority = answer["backend"]?["priority"]?.int.map { "priority \($0), " } ?? ""
                return (answer["status"]?.string == "unchanged" ? "was so already: " : "was set: ") + priority
                    + BackendsCommand.state(answer)
            }
        }
    }

    /// The keys of `[backends.timeouts]`, in its words and units.
    struct Timeouts: ParsableArguments {
        @Option(name: .customLong("connect-seconds"), help: "Seconds for a connection to its server.") var connect:
            String?
        @Option(name: .customLong("first-byte-seconds"), help: "Seconds until its answer begins; 0: any time.")
        var firstByte: String?
        @Option(name: .customLong("gap-seconds"), help: "Seconds between two pieces of its answer; 0: any time.")
        var gap: String?
        @Option(name: .customLong("total-seconds"), help: "Seconds for a whole answer; 0: any time.") var total: String?
        @Option(name: .customLong("queue-seconds"), help: "Seconds that a request waits for a place.") var queue:
            String?

        /// As name=value.
        var values: [String] {
            [
                ("connect", connect), ("first_byte", firstByte), ("gap", gap), ("total", total), ("queue", queue),
            ].compactMap { name, value in value.map { "\(name)_seconds=\($0)" } }
        }
    }

    /// How a command waits until a backend has nothing under way.
    struct Waiting: ParsableArguments {
        @Flag(help: "Wait until it has nothing under way.") var wait = false
        @Option(help: "Seconds to wait; the command ends with status 1 then. Default: as long as it takes.")
        var timeout: Double?

        func untilIdle(_ host: HostOptions, _ path: String) throws {
            guard wait else { return }
            var left = timeout.map { $0.isFinite ? Int(min(max($0, 0), 1e6) * 1000) : .max } ?? .max
            while true {
                let (status, body) = try host.get(path)
                if status == 404 { return }
                guard status == 200 else { throw fail("the gateway answers with status \(status)") }
                let view = try host.parsed(body)
                let pending = view["pending_requests"]?.int ?? 0
                if pending == 0 { return }
                guard left > 0 else {
                    let (words, verb) = (Counted.words(pending, "request"), pending == 1 ? "is" : "are")
                    throw fail("\(words) \(verb) still under way")
                }
                let step = min(100, left)
                usleep(UInt32(step) * 1000)
                if timeout != nil { left -= step }
            }
        }
    }

    /// For people.
    static func state(_ answer: JSONValue) -> String {
        let view = answer["backend"]
        let state = ((view?["state"] ?? view?["status"])?.string ?? "gone").lowercased()
        let error = view?["last_error"]?.string.map { ": \($0)" } ?? ""
        return "\(state), \(Counted.words(Int64(view?["models"]?.array?.count ?? 0), "model"))\(error)"
    }
}

extension HostOptions {
    /// Has the gateway do something with a backend, and says what became of it.
    /// - Parameter words: what is said of the backend, behind its name.
    func command(
        _ method: String, _ path: String, _ body: JSONObject?, words: (JSONValue) -> String
    ) throws {
        let (status, bytes) = try ask(method, path, body: body.map { JSONValue.object($0).bytes } ?? [])
        let answer = try parsed(bytes)
        guard (200...299).contains(status) else {
            throw fail(GatewayWords.refusal(answer, status))
        }
        if json { return print(String(decoding: bytes, as: UTF8.self)) }
        print(CellText.clean("\(answer["id"]?.string ?? "it") \(words(answer))"))
        for warning in answer["warnings"]?.array?.compactMap(\.string) ?? [] {
            print(CellText.clean("warning: \(warning)"))
        }
    }
}
