import ArgumentParser
import Config

/// What the command line says of the configuration: the same for what runs the gateway and for what looks at it before.
struct ServeOptions: ParsableArguments {
    @Option(
        name: .shortAndLong,
        help: "Configuration file; default: the first that is there (see 'nexus config check --help').")
    var config: String?
    @Option(help: "Address to listen on (127.0.0.1).")
    var host: String?
    @Option(name: .shortAndLong, help: "Port to listen on (8000); 0 takes any free one.")
    var port: Int?
    @Option(name: .customLong("adapters-dir"), help: "Directory with adapters; may be repeated.")
    var adapterDirectories: [String] = []
    @Option(
        name: .customLong("state-file"),
        help: "Where changes of backends with --persist are kept; default: the configuration's path and .state.json.")
    var stateFile: String?
    @Option(
        name: .customLong("keys-file"),
        help: "Where 'nexus keys' keeps keys; default: keys.toml beside the configuration.")
    var keysFile: String?
    @Flag(
        name: .customLong("allow-unauthenticated"),
        help: "Listen on other addresses than loopback without keys: whoever reaches it may use the models.")
    var allowUnauthenticated = false
    @Option(name: .customLong("log-level"), help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?
    @Option(name: .customLong("log-format"), help: "pretty, for people, or json: one object a line.")
    var logFormat: String?

    /// For the loader.
    var flags: ConfigurationLoader.Flags {
        var flags = ConfigurationLoader.Flags()
        flags.config = config
        flags.host = host
        flags.port = port
        flags.adapterDirectories = adapterDirectories
        flags.logLevel = logLevel
        flags.logFormat = logFormat
        flags.stateFile = stateFile
        flags.keysFile = keysFile
        flags.allowUnauthenticated = allowUnauthenticated
        return flags
    }
}
