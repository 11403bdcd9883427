import ArgumentParser
import Config
import Conformance
import Core
import Gateway
import Glibc

struct AdapterCheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Try an adapter against all that the ABI asks of it.",
        discussion: "Ends with status 0 if no check failed, 1 if one did, 2 if nothing could be checked. "
            + "Where the configuration lists the adapters that may be loaded, no other file is run. "
            + "What is checked, and how a server is described with --script, stands in docs/adapter-check.md.")

    @Argument(help: "The adapter's file (.so).") var file: String?
    @Option(name: .shortAndLong, help: "Configuration whose list of allowed adapters holds; /dev/null: none.")
    var config: String?
    @Flag(help: "Print one JSON document.") var json = false
    @Option(help: ArgumentHelp("Run this check alone; may be repeated.", valueName: "check")) var only: [String] = []
    @Flag(help: "Print all checks and what they require.") var list = false
    @Option(help: "Options of the backend, as a JSON object.") var options = "{}"
    @Option(help: "Address of the server, as the adapter is told; nothing is sent there.") var url: String?
    @Option(help: "File that says how the server answers; by default as OpenAI's API and Ollama's do.")
    var script: String?
    @Option(name: .customLong("time-limit"), help: "Seconds for one check.") var timeLimit = 20
    @Flag(help: "Check again whenever the file, or that of --script, has changed; until SIGINT.") var watch = false

    func run() throws {
        if list {
            for check in CheckRunner.checks { print("\(check.id)  \(check.requirement)") }
            return
        }
        guard let file else { throw usage("which file? Give the adapter's .so, or --list") }
        guard (1...3600).contains(timeLimit) else { throw usage("--time-limit must be from 1 to 3600") }
        guard watch else { return try check(file) }
        guard !json else { throw usage("--watch prints lines for people, and --json one document: choose one of them") }
        var files = FileWatch([file] + (script.map { [$0] } ?? []))
        while true {
            // What is wrong has been said; the next build may be better.
            do { try check(file) } catch is ExitCode {}
            print("\nwaiting for \(file) to change; Ctrl-C ends")
            fflush(nil)
            files.waitForChange()
            print("\n\(file) has changed")
        }
    }

    private func check(_ file: String) throws {
        var request = CheckRunner.Request(adapterPath: file)
        request.hash = try allowed(file)
        request.only = only.isEmpty ? nil : only
        request.url = url
        request.options = options
        request.scriptPath = script
        request.timeLimit = timeLimit
        // Where many checks crash at one place, it is shown once.
        var shown: Set<[String]> = []
        let report: CheckReport
        do throws(CheckRunner.Failure) {
            report = try CheckRunner().run(request) { result in
                guard !json, !result.isUnreached else { return }
                print(shown.insert(result.backtrace).inserted ? result.text : result.line)
                // At once, also into a pipe: a check may take long.
                fflush(nil)
            }
        } catch {
            throw usage(error.description)
        }
        if !json, !report.causes.isEmpty {
            print("\nWhat is wrong, causes first:")
            for cause in report.causes { print("  \(cause)") }
            print("")
        }
        print(json ? report.json : report.summary)
        guard report.count(.fail) > 0 else { return }
        if !json, script == nil, let place = Self.scripts(of: file).first(where: Self.isFile) {
            let command = "nexus adapter check \(file) --script \(place)"
            print("There is a \(place) here: '\(command)' tells the check what the server says.")
        }
        throw ExitCode(1)
    }

    /// Where the project of an adapter describes its server: in the current folder, or in that above the file's.
    private static func scripts(of file: String) -> [String] {
        let folders = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().map(String.init)
        let name = "check.json"
        guard let last = folders.last, last != ".", last != "..", last != "" else {
            return [name, (folders + ["..", name]).joined(separator: "/")]
        }
        return [name, (folders.dropLast() + [name]).joined(separator: "/")]
    }

    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }

    /// What the checks may run: these bytes, and no others that come to their place; nil: whatever is there.
    private func allowed(_ file: String) throws -> ContentHash? {
        var flags = ConfigurationLoader.Flags()
        flags.config = config
        let adapters: Configuration.Adapters
        do throws(ConfigurationError) {
            adapters = try ConfigurationLoader.load(flags, environment: environmentVariables()).configuration.adapters
        } catch {
            throw usage("the configuration is not valid, so that it cannot be told what may be run\n\(error)")
        }
        let hash: ContentHash
        do throws(Gateway.HashFailure) {
            hash = try Gateway.adapterHash(of: file)
        } catch {
            // The checks say what is wrong with it, where they may run whatever comes to its place.
            guard adapters.allow == nil else { throw usage("\(file) \(error)") }
            return nil
        }
        if let refusal = AdapterRules(allow: adapters.allow).refusal(of: file, hash) {
            throw usage("\(file) \(refusal.words(path: file, hash)) (or check it with --config /dev/null)")
        }
        return hash
    }
}

/// The child in which the checks run.
struct AdapterRunChecksCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: CheckRunner.childCommand, abstract: "Run checks in this process.", shouldDisplay: false)

    @Argument var plan: String

    func run() throws { CheckChild.run(plan) }
}
