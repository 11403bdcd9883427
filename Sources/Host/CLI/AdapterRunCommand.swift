import ArgumentParser
import Core
import Gateway
import Glibc
import JSON

/// A gateway with one adapter and one server, for whoever writes the adapter.
struct AdapterRunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Run a gateway with this adapter and one server, and print a curl that works.",
        discussion:
            "Needs no configuration, reads none and keeps nothing. A file that is built again is taken at once: requests under way "
            + "end with the old one. Ends with SIGINT or SIGTERM.")

    private static let backendName = "adapter"

    @Argument(help: "The adapter's file (.so).") var file: String
    @Option(help: "Address of the server.") var url: String
    @Option(
        name: .customLong("option"),
        help: ArgumentHelp(
            "An option of the backend; may be repeated. The value is JSON, or a text as it stands.",
            valueName: "name=value"))
    var options: [String] = []
    @Option(
        name: .customLong("api-key-env"),
        help: ArgumentHelp("Variable that holds a key for the server; may be repeated.", valueName: "variable"))
    var keys: [String] = []
    @Option(name: .shortAndLong, help: "Port to listen on; 0 takes any free one.") var port = 0
    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?

    func run() async throws {
        guard (0...65535).contains(port) else { throw usage("--port must be from 0 to 65535") }
        let address: BackendURL
        do throws(BackendURL.Malformed) { address = try BackendURL(url) } catch { throw usage("--url: \(error)") }
        for key in keys where environmentVariables()[key]?.isEmpty != false {
            throw usage("--api-key-env: the environment variable \(key) is not set")
        }
        let folder: AdapterFolder
        do throws(AdapterFolder.Failure) { folder = try AdapterFolder(linking: file) } catch {
            throw fail(error.description)
        }
        defer { folder.remove() }
        var configuration = Configuration()
        configuration.adapters.directories = [folder.path]
        guard let adapter = Gateway.adapterReport(configuration.adapters).first, let type = adapter.type else {
            let problem = Gateway.adapterReport(configuration.adapters).first?.problem ?? "it is gone"
            throw fail("\(file) cannot be used: \(problem)")
        }
        var backend = Configuration.Backend(name: Self.backendName, type: type, url: address)
        backend.options = try Self.options(options, schema: adapter.optionsSchema)
        backend.apiKeyEnv = keys
        configuration.backends = [backend]
        configuration.server.port = port
        // What is tried out here is no part of what an operator keeps.
        configuration.history.database = ""
        configuration.adapters.quarantineAfter = 0
        if let logLevel {
            guard let level = Configuration.Logging.Level(rawValue: logLevel) else {
                let known = Configuration.Logging.Level.allCases.map(\.rawValue)
                throw usage("--log-level must be one of \(known.joined(separator: ", "))")
            }
            configuration.logging.level = level
        }
        if let refusal = await Self.refusal(configuration) { throw fail(refusal) }
        let kinds = adapter.kinds
        let chosen = configuration
        let status = await Gateway.serve(
            chosen, from: nil, reload: { _ in chosen },
            ready: { place in Task.detached { await CurlLine.say(place, kinds) } })
        if status != 0 { throw ExitCode(status) }
    }

    /// Why the adapter does not take its backend, so that the gateway could never work; nil: it does.
    private static func refusal(_ configuration: Configuration) async -> String? {
        var request = Checkup.Request(configuration)
        request.asksServers = false
        let findings = await Checkup(request).run()
        return findings.first { $0.weight == .wrong && $0.subject == "backend \(backendName)" }?.message
    }

    /// The options as a JSON object. What the schema says is a text is one, also if it looks like a number.
    private static func options(_ given: [String], schema: String) throws -> String {
        let known = (try? JSONValue.parse(schema))?["properties"]
        var object = JSONObject()
        for option in given {
            let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw usage("--option \(option): write it as name=value")
            }
            let isText = known?[parts[0]]?["type"]?.string == "string"
            let value = isText ? nil : try? JSONValue.parse(parts[1])
            object[parts[0]] = value ?? .string(parts[1])
        }
        return String(decoding: JSONValue.object(object).bytes, as: UTF8.self)
    }
}

/// A folder with a link to one adapter: the gateway follows folders, and sees through the link when the file is built again.
private struct AdapterFolder {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let path: String
    private let link: String

    init(linking file: String) throws(Failure) {
        var status = stat()
        guard stat(file, &status) == 0 else {
            throw Failure(description: "\(file) cannot be read: \(String(cString: strerror(errno)).lowercased())")
        }
        var name = Array("\(environmentVariables()["TMPDIR"] ?? "/tmp")/nexus-run-XXXXXX".utf8CString)
        guard mkdtemp(&name) != nil else {
            throw Failure(
                description: "no folder could be made in /tmp: \(String(cString: strerror(errno)).lowercased())")
        }
        path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let last = file.split(separator: "/").last.map(String.init) ?? "adapter"
        link = path + "/" + (last.hasSuffix(".so") ? last : last + ".so")
        guard symlink(Self.absolute(file), link) == 0 else {
            let reason = String(cString: strerror(errno)).lowercased()
            rmdir(path)
            throw Failure(description: "\(file) could not be linked: \(reason)")
        }
    }

    func remove() {
        unlink(link)
        rmdir(path)
    }

    /// Not resolved: what is built again may be renamed into its place.
    private static func absolute(_ path: String) -> String {
        guard !path.hasPrefix("/"), let folder = getcwd(nil, 0) else { return path }
        defer { free(folder) }
        return String(cString: folder) + "/" + path
    }
}

/// A line for a shell that asks the gateway something it can answer.
private enum CurlLine {
    private static let step = Duration.milliseconds(200)
    /// After so long without a model it is said why.
    private static let patience = Duration.seconds(2)

    /// Waits until there is a model.
    static func say(_ address: String, _ kinds: [RequestKind]) async {
        guard let place = try? BackendURL(address).place else { return }
        var waited = Duration.zero
        while true {
            if let model = model(place) { return tell(line(address, model, kinds)) }
            if waited == patience {
                tell("no models yet: \(problem(place) ?? "the server tells none"). A curl is printed when there are.")
            }
            try? await Task.sleep(for: step)
            waited += step
        }
    }

    private static func tell(_ words: String) {
        print(words)
        fflush(nil)
    }

    private static func model(_ place: GatewayPlace) -> String? {
        guard let answer = try? PlainHTTP.ask("GET", at: place, path: "/v1/models"), answer.status == 200 else {
            return nil
        }
        return (try? JSONValue.parse(answer.body))?["data"]?[0]?["id"]?.string
    }

    /// What the gateway says of its one backend.
    private static func problem(_ place: GatewayPlace) -> String? {
        guard let answer = try? PlainHTTP.ask("GET", at: place, path: "/v1/backends") else { return nil }
        return (try? JSONValue.parse(answer.body))?["data"]?[0]?["last_error"]?.string
    }

    private static func line(_ address: String, _ model: String, _ kinds: [RequestKind]) -> String {
        let name = JSONValue.string(model)
        let (path, body): (String, JSONObject) =
            if kinds.contains(.chat) {
                (
                    "/v1/chat/completions",
                    JSONObject([
                        (name: "model", value: name),
                        (name: "messages", value: [["role": "user", "content": "Say hello."]]),
                    ])
                )
            } else if kinds.contains(.completions) {
                ("/v1/completions", JSONObject([(name: "model", value: name), (name: "prompt", value: "Say hello.")]))
            } else {
                ("/v1/embeddings", JSONObject([(name: "model", value: name), (name: "input", value: "hello")]))
            }
        let text = String(decoding: JSONValue.object(body).bytes, as: UTF8.self)
        // Within single quotes of a shell only those have to be taken care of.
        let quoted = text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
        return "try it:\n  curl \(address)\(path) -d '\(quoted)'"
    }
}

extension BackendURL {
    fileprivate var place: GatewayPlace { GatewayPlace(url: self, trust: .authorities([])) }
}
