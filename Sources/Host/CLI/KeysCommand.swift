import ArgumentParser
import Config
import Core
import Glibc
import JSON
import Terminal

struct KeysCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "Keys of clients and operators.",
        discussion:
            "Kept in keys.toml beside the configuration (--keys-file, NEXUS_KEYS_FILE): names, what they may do, "
            + "and hashes; never the keys. The running gateway is told to read it again. See docs/access.md.",
        subcommands: [Add.self, List.self, Revoke.self, Rotate.self], defaultSubcommand: List.self)

    /// Where the keys are, and who is to be told.
    struct Place: ParsableArguments {
        @OptionGroup var host: HostOptions
        @Option(
            name: .customLong("keys-file"), help: "File with the keys; default: keys.toml beside the configuration.")
        var keysFile: String?
        @Flag(name: .customLong("no-reload"), help: "Do not tell the running gateway.") var noReload = false

        func file() throws -> KeysFile {
            let environment = environmentVariables()
            if let path = keysFile ?? environment["NEXUS_KEYS_FILE"].flatMap({ $0.isEmpty ? nil : $0 }) {
                return KeysFile(path: path)
            }
            let configuration = ConfigurationLoader.path(named: host.config, environment)
            guard let path = KeysFile.path(besides: configuration) else {
                throw fail("\(configuration) is no regular file; say with --keys-file where the keys are")
            }
            return KeysFile(path: path)
        }

        /// Ends where there is no file that could hold these keys: a change would leave a lock in its place.
        func mustHold(_ names: [String]) throws {
            let path = try file().path
            var status = stat()
            guard stat(path, &status) != 0, errno == ENOENT else { return }
            throw fail(
                "there is no key '\(names.joined(separator: "', '"))', since there is no \(KeysCommand.whole(path)); "
                    + "'nexus keys add NAME' makes one")
        }

        /// Says what went wrong and ends.
        func changing(_ change: ([KeyRule]) throws -> [KeyRule]) throws {
            let file = try file()
            // Where nothing is otherwise than usual it was told when the file was made.
            let isToldAlready = SecretOwner.isUsual(file.path)
            do {
                try file.change(change)
                if !isToldAlready, let readers = SecretOwner.readers(of: file.path) { note("\(readers).") }
            } catch let code as ExitCode {
                throw code
            } catch {
                throw fail("\(error)")
            }
        }

        /// Has the running gateway take what was changed.
        func reload() throws {
            guard !noReload else { return note("The gateway takes this at its next reload: nexus config reload") }
            let address = try host.place(mayBePlain: true)
            let answer: (status: Int, body: [UInt8])
            do throws(PlainHTTP.Failure) {
                answer = try PlainHTTP.ask("POST", at: address, path: "/v1/admin/reload", key: host.shownKey)
            } catch {
                return note("No gateway answers at \(address) (\(error.reason)); it reads the keys when it starts.")
            }
            guard answer.status != 200 else { return note("The running gateway has taken it.") }
            let words = GatewayWords.refusal(try? JSONValue.parse(answer.body), answer.status)
            throw fail(
                "the file was written, but the gateway at \(address) did not take it: \(words) "
                    + "(an operator's key is given with --key or NEXUS_KEY; SIGHUP reloads, too)")
        }

        /// For people, beside what a script reads from standard output.
        private func note(_ text: String) {
            let line = Array((text + "\n").utf8)
            _ = Glibc.write(STDERR_FILENO, line, line.count)
        }
    }

    /// A path that says where it is. Not resolved: its own words are what the operator knows it by.
    private static func whole(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }

    /// What a key may do.
    struct Rights: ParsableArguments {
        @Option(help: "client or operator.") var role: String?
        @Option(help: "The last day (2027-01-31), or an instant (2027-01-31T12:00:00Z).") var expires: String?
        @Option(name: .customLong("model"), help: "A model that it may use, or a pattern with *; may be repeated.")
        var models: [String] = []
        @Option(name: .customLong("backend"), help: "A backend that it may use, or a pattern; may be repeated.")
        var backends: [String] = []
        @Option(name: .customLong("requests-per-minute"), help: "Requests in a minute.") var requestsPerMinute: Int?
        @Option(name: .customLong("requests-per-day"), help: "Requests in a day.") var requestsPerDay: Int?
        @Option(name: .customLong("tokens-per-minute"), help: "Tokens in a minute, of prompts and answers together.")
        var tokensPerMinute: Int?
        @Option(name: .customLong("tokens-per-day"), help: "Tokens in a day, of prompts and answers together.")
        var tokensPerDay: Int?
        @Option(name: .customLong("max-concurrent"), help: "Requests at once.") var maxConcurrent: Int?
        @Option(name: .customLong("max-priority"), help: "high, normal or low.") var maxPriority: String?

        func rule(name: String, hash: KeyHash) throws -> KeyRule {
            var members: [(name: String, value: JSONValue)] = [("name", .string(name))]
            for (key, text) in [("role", role), ("expires", expires), ("max_priority", maxPriority)] {
                if let text { members.append((key, .string(text))) }
            }
            for (key, list) in [("models", models), ("backends", backends)] where !list.isEmpty {
                members.append((key, .array(list.map { .string($0) })))
            }
            for (key, limit) in [
                ("requests_per_minute", requestsPerMinute), ("requests_per_day", requestsPerDay),
                ("tokens_per_minute", tokensPerMinute), ("tokens_per_day", tokensPerDay),
                ("max_concurrent", maxConcurrent),
            ] {
                if let limit { members.append((key, .number(JSONNumber(limit)))) }
            }
            do throws(ConfigurationError) {
                return try KeyDescription.rule(JSONObject(members), hash: hash)
            } catch {
                throw usage("\(error)")
            }
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key, and show it this once.",
            discussion:
                "The key is printed alone on standard output. From the first one on whoever has none is refused.")
        @OptionGroup var place: Place
        @OptionGroup var rights: Rights
        @Argument(help: "Name of the key, which is shown wherever it is meant.") var name: String

        func run() throws {
            let key = NewKey.make()
            let rule = try rights.rule(name: name, hash: KeyHash(of: key))
            try place.changing { keys in
                guard !keys.contains(where: { $0.name == name }) else {
                    throw fail("there is a key '\(name)' already; see 'nexus keys rotate'")
                }
                return keys + [rule]
            }
            print(key)
            fflush(nil)
            try place.reload()
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the keys of the file.",
            discussion: "Those of the configuration's own [[keys]], and what was used, shows the page, or GET /v1/keys."
        )
        @OptionGroup var place: Place

        func run() throws {
            let file = try place.file()
            let keys: [KeyRule]
            do throws(ConfigurationError) {
                guard let found = try file.load() else {
                    let place = KeysCommand.whole(file.path)
                    return print("No keys: there is no \(place). 'nexus keys add NAME' makes one.")
                }
                keys = found
            } catch {
                throw fail("\(error)")
            }
            if place.host.json { return print(String(decoding: KeyEncoding.rules(keys), as: UTF8.self)) }
            if keys.isEmpty { return print("No keys: \(file.path) holds none, so that nobody is let in.") }
            print(
                TextTable.render(
                    ["NAME", "ROLE", "EXPIRES", "MODELS", "BACKENDS", "LIMITS", "PRIORITY"], keys.map(Self.row)))
        }

        private static func row(_ key: KeyRule) -> [String] {
            let limits = key.limits
            let shown = [
                limits.requestsPerMinute.map { "\($0) req/min" }, limits.requestsPerDay.map { "\($0) req/day" },
                limits.tokensPerMinute.map { "\($0) tok/min" }, limits.tokensPerDay.map { "\($0) tok/day" },
                limits.maxConcurrent.map { "\($0) at once" },
            ].compactMap(\.self)
            let end = key.expires.map {
                Timestamp.text(seconds: Double($0)) + (key.isExpired(at: Clock.wallSeconds()) ? " (over)" : "")
            }
            return [
                key.name, key.role.rawValue, end ?? "-",
                key.scope.models.isEmpty ? "all" : key.scope.models.joined(separator: ","),
                key.scope.backends.isEmpty ? "all" : key.scope.backends.joined(separator: ","),
                shown.isEmpty ? "-" : shown.joined(separator: ", "), key.maxPriority.rawValue,
            ]
        }
    }

    struct Revoke: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take keys away.",
            discussion: "Without any key left nobody is let in; to open the gateway again, remove the file and restart."
        )
        @OptionGroup var place: Place
        @Argument(help: "Names of keys; see 'nexus keys list'.") var names: [String]

        func run() throws {
            try place.mustHold(names)
            try place.changing { keys in
                for name in names where !keys.contains(where: { $0.name == name }) {
                    throw fail("there is no key '\(name)' in the file")
                }
                return keys.filter { !names.contains($0.name) }
            }
            print("Revoked \(names.joined(separator: ", ")).")
            try place.reload()
        }
    }

    struct Rotate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a key anew, and show it this once; the one before counts no more.")
        @OptionGroup var place: Place
        @Argument(help: "Name of the key.") var name: String

        func run() throws {
            try place.mustHold([name])
            let key = NewKey.make()
            try place.changing { keys in
                guard let index = keys.firstIndex(where: { $0.name == name }) else {
                    throw fail("there is no key '\(name)' in the file")
                }
                var keys = keys
                keys[index].hash = KeyHash(of: key)
                return keys
            }
            print(key)
            fflush(nil)
            try place.reload()
        }
    }
}
