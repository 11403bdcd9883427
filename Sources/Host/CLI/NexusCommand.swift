import ArgumentParser
import Config
import Core
import Gateway
import Glibc
import Service

@main
enum Program {
    /// What the service manager has told, read before there is a second thread.
    static let service = ServiceTerms.take()

    static func main() {
        _ = service
        TaskThreads.run { await ExitStatus.run() }
    }
}

struct NexusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nexus", abstract: "One OpenAI-compatible endpoint in front of many LLM servers.",
        discussion: "Exit statuses of all commands: 0 all is well, 1 something is wrong, 2 the command line is.",
        version: Gateway.version,
        subcommands: [
            ServeCommand.self, BackendsCommand.self, ModelsCommand.self, HealthCommand.self, AdaptersCommand.self,
            AdapterCommand.self, ActionsCommand.self, KeysCommand.self, RequestsCommand.self, HistoryCommand.self,
            AuditCommand.self, CapturesCommand.self, ReplayCommand.self, TopCommand.self, TailCommand.self,
            CertCommand.self, ConfigCommand.self, DoctorCommand.self,
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

func invalid(_ error: ConfigurationError) -> ExitCode {
    error.source == ConfigurationError.commandLine
        ? usage("\(error)") : fail("the configuration is not valid\n\(error)")
}

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Run the gateway until SIGTERM or SIGINT.",
        discussion: "Flags go over the environment (NEXUS_HOST, NEXUS_PORT, NEXUS_CONFIG, NEXUS_ADAPTERS_DIR, "
            + "NEXUS_STATE_FILE, NEXUS_KEYS_FILE, NEXUS_ALLOW_UNAUTHENTICATED, NEXUS_LOG_LEVEL, NEXUS_LOG_FORMAT), that "
            + "over the file, that over the defaults."
    )

    @OptionGroup var options: ServeOptions

    func run() async throws {
        let source = ConfigurationSource(options.flags, environment: environmentVariables)
        let configuration: Configuration
        do throws(ConfigurationError) {
            configuration = try source.load()
        } catch {
            guard error.wantsJSON || (options.logFormat ?? environmentVariables()["NEXUS_LOG_FORMAT"]) == "json" else {
                throw invalid(error)
            }
            Gateway.refuse(error.problems.map { "\(error.source): \($0)" })
            throw ExitCode(1)
        }
        let status = await Gateway.serve(configuration, from: source.path, service: Program.service) { atRest in
            atRest ? try await source.loadAtRest() : try source.load()
        }
        if status != 0 { throw ExitCode(status) }
    }
}
