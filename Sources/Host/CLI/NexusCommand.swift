import ArgumentParser
import Config
import Core
import Gateway
import Glibc

@main
enum Program {
    static func main() {
        TaskThreads.run {
            await NexusCommand.main()
            exit(0)
        }
    }
}

struct NexusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nexus", abstract: "One OpenAI-compatible endpoint in front of many LLM servers.",
        version: Gateway.version,
        subcommands: [
            ServeCommand.self, BackendsCommand.self, ModelsCommand.self, HealthCommand.self, AdaptersCommand.self,
            AdapterCommand.self, ActionsCommand.self, RequestsCommand.self, HistoryCommand.self, TopCommand.self,
            ConfigCommand.self,
        ])
}

/// Says what went wrong and ends with status 1.
func fail(_ message: String) -> ExitCode {
    let line = Array("nexus: \(message)\n".utf8)
    _ = write(STDERR_FILENO, line, line.count)
    return ExitCode(1)
}

/// The variables of this process.
func environmentVariables() -> [String: String] {
    var variables: [String: String] = [:]
    var entry = environ
    while let text = entry.pointee {
        let pair = String(cString: text).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        if pair.count == 2 { variables[String(pair[0])] = String(pair[1]) }
        entry += 1
    }
    return variables
}

/// Loads the configuration or ends with everything that is wrong with it.
func load(_ flags: ConfigurationLoader.Flags) throws -> ConfigurationLoader.Loaded {
    do throws(ConfigurationError) {
        return try ConfigurationLoader.load(flags, environment: environmentVariables())
    } catch {
        throw invalid(error)
    }
}

private func invalid(_ error: ConfigurationError) -> ExitCode { fail("the configuration is not valid\n\(error)") }

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the gateway until SIGTERM or SIGINT.",
        discussion: "Flags go over the environment (NEXUS_HOST, NEXUS_PORT, NEXUS_CONFIG, NEXUS_ADAPTERS_DIR, "
            + "NEXUS_STATE_FILE, NEXUS_LOG_LEVEL, NEXUS_LOG_FORMAT), that over the file, that over the defaults.")

    @Option(help: "Configuration file; default: nexus.toml in the working directory, if it is there.")
    var config: String?
    @Option(help: "Address to listen on (127.0.0.1).")
    var host: String?
    @Option(help: "Port to listen on (8000); 0 takes any free one.")
    var port: Int?
    @Option(name: .customLong("adapters-dir"), help: "Directory with adapters; may be repeated.")
    var adapterDirectories: [String] = []
    @Option(
        name: .customLong("state-file"),
        help: "Where changes of backends with --persist are kept; default: the configuration's path and .state.json.")
    var stateFile: String?
    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?

    func run() async throws {
        var flags = ConfigurationLoader.Flags()
        flags.config = config
        flags.host = host
        flags.port = port
        flags.adapterDirectories = adapterDirectories
        flags.logLevel = logLevel
        flags.stateFile = stateFile
        let source = ConfigurationSource(flags, environment: environmentVariables)
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try source.load()
        } catch {
            throw invalid(error)
        }
        let status = await Gateway.serve(configuration) { atRest in
            atRest ? try await source.loadAtRest() : try source.load()
        }
        if status != 0 { throw ExitCode(status) }
    }
}
