import ArgumentParser
import Config
import Core
import Gateway
import Glibc

/// How the program ends: 0 if all is well, 1 if something is wrong, 2 if the command line is. The same for all commands.
enum ExitStatus {
    static let wrong: Int32 = 1
    static let usage: Int32 = 2

    /// Runs the command that the arguments name, and ends the process.
    static func run() async -> Never {
        if let problem = CommandSearch.problem(Array(CommandLine.arguments.dropFirst()), below: NexusCommand.self) {
            say(problem)
            exit(usage)
        }
        do {
            var command = try NexusCommand.parseAsRoot()
            if var other = command as? any AsyncParsableCommand {
                try await other.run()
            } else {
                try command.run()
            }
            exit(0)
        } catch {
            end(with: error)
        }
    }

    private static func end(with error: any Error) -> Never {
        if let code = error as? ExitCode { exit(code.rawValue) }
        let code = NexusCommand.exitCode(for: error)
        // Help and versions are errors to the parser.
        if code.isSuccess { NexusCommand.exit(withError: error) }
        guard code == .validationFailure else {
            say("nexus: \(words(error))")
            exit(wrong)
        }
        say(UsageWords.better(NexusCommand.fullMessage(for: error), Array(CommandLine.arguments.dropFirst())))
        exit(usage)
    }

    /// No error shows the name that it has in the program.
    private static func words(_ error: any Error) -> String {
        switch error {
        case let error as ConfigurationError: error.description
        case let error as BackendURL.Malformed: "\(error)"
        case let error as FileBytes.Failure: error.description
        case let error as PlainHTTP.Failure: error.reason
        default: Gateway.words(error)
        }
    }

    private static func say(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = write(STDERR_FILENO, line, line.count)
    }
}

/// Says what is wrong with the command line and ends with status 2.
func usage(_ message: String) -> ExitCode {
    _ = fail(message)
    return ExitCode(ExitStatus.usage)
}

/// Finds a mistyped command before the parser takes it for an argument of something else.
enum CommandSearch {
    /// What is to be said of the words that should name a command; nil: nothing.
    static func problem(_ arguments: [String], below root: any ParsableCommand.Type) -> String? {
        var (command, path) = (root, "nexus")
        for argument in arguments {
            let known = command.configuration.subcommands.filter { $0.configuration.shouldDisplay }
            // Options come behind; what a command takes by itself is its own business.
            guard !known.isEmpty, !argument.hasPrefix("-"), argument != "help" else { return nil }
            if let next = command.configuration.subcommands.first(where: { name(of: $0) == argument }) {
                (command, path) = (next, "\(path) \(argument)")
                continue
            }
            let names = known.map(name(of:))
            let meant =
                elsewhere["\(path) \(argument)"]
                ?? Suggestion.nearest(argument, in: names).map { "\(path) \($0)" }
            let near = meant.map { "; did you mean '\($0)'?" } ?? ""
            return "nexus: there is no command '\(path) \(CellTextLimit.cut(argument))'\(near)\n"
                + "  there are: \(names.joined(separator: ", "))\n  '\(path) --help' says what they do"
        }
        return nil
    }

    /// What other programs call a command, and what it is here.
    private static let elsewhere = [
        "nexus version": "nexus --version", "nexus logs": "nexus tail", "nexus log": "nexus tail",
        "nexus status": "nexus health", "nexus reload": "nexus config reload",
        "nexus adapter list": "nexus adapters list", "nexus config validate": "nexus config check",
    ]

    private static func name(of command: any ParsableCommand.Type) -> String {
        // As the parser names one that has no name of its own.
        command.configuration.commandName ?? String(describing: command).lowercased()
    }
}

/// What the parser says of a command line, said better.
enum UsageWords {
    /// - Parameters:
    ///   - message: the parser's: one line that says what is wrong, and others of how it is done.
    ///   - arguments: those of this process.
    static func better(_ message: String, _ arguments: [String]) -> String {
        var lines = message.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard let first = lines.first else { return message }
        lines[0] = withoutFarName(first)
        // The lines behind say whether the command takes one.
        if first.lowercased().contains("unexpected argument"),
            message.contains("--config") || message.contains("<options>"),
            let file = arguments.first(where: { $0.hasSuffix(".toml") && first.contains("'\($0)'") })
        {
            lines.insert("A configuration is named with --config \(file).", at: 1)
        }
        return lines.joined(separator: "\n")
    }

    /// The parser holds every option for near that is short.
    private static func withoutFarName(_ line: String) -> String {
        let parts = line.split(separator: "'", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[2] == ". Did you mean " else { return line }
        let (typed, meant) = (parts[1].drop { $0 == "-" }, parts[3].drop { $0 == "-" })
        return Suggestion.isNear(String(typed), String(meant)) ? line : parts[..<2].joined(separator: "'") + "'"
    }
}

/// What somebody has typed, as it may be shown.
private enum CellTextLimit {
    static func cut(_ text: String) -> String {
        let shown = String(
            String.UnicodeScalarView(text.unicodeScalars.prefix(60).filter { $0.value >= 0x20 && $0.value != 0x7F }))
        return shown.utf8.count < text.utf8.count ? shown + "…" : shown
    }
}
