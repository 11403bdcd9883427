import Core
import Glibc

/// Puts a configuration together: flags over environment over file over defaults.
public struct ConfigurationLoader: Sendable {
    /// What flags can set.
    public struct Flags: Sendable {
        public var config: String?
        public var host: String?
        public var port: Int?
        public var adapterDirectories: [String] = []
        public var logLevel: String?
        public var logFormat: String?
        public var stateFile: String?
        public var keysFile: String?
        public var allowUnauthenticated = false
        public init() {}
    }

    /// The first place where a file is looked for when none is named, and where 'nexus config init' writes one.
    public static let defaultPath = "nexus.toml"

    /// Where a file is looked for when none is named, in this order: the working directory, the user's folder for configuration (XDG
    /// Base Directory), the system's.
    public static func places(_ environment: [String: String]) -> [String] {
        func absolute(_ name: String) -> String? {
            environment[name].flatMap { $0.hasPrefix("/") ? $0 : nil }
        }
        let user = absolute("XDG_CONFIG_HOME") ?? absolute("HOME").map { "\($0)/.config" }
        return [defaultPath] + (user.map { ["\($0)/nexus/nexus.toml"] } ?? []) + ["/etc/nexus/nexus.toml"]
    }

    /// The file that counts: the one that is named, else the first of the places where there is one, else the first.
    /// - Parameter named: by a flag.
    public static func path(named: String?, _ environment: [String: String]) -> String {
        if let named = named ?? environment["NEXUS_CONFIG"].flatMap({ $0.isEmpty ? nil : $0 }) { return named }
        return places(environment).first(where: mayBeThere) ?? defaultPath
    }

    /// One that cannot be looked at counts as there: the next place is not taken for it in silence.
    private static func mayBeThere(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 || errno != ENOENT && errno != ENOTDIR
    }

    public struct Loaded: Sendable {
        public var configuration: Configuration
        /// The file that was read; nil if none was.
        public var path: String?
        /// There was a keys file.
        var hadKeysFile = false
    }

    /// Bytes of a configuration file; a larger one is none.
    static let sizeLimit = 1024 * 1024

    /// - Parameters:
    ///   - environment: variables by name.
    ///   - before: what was loaded last. A file that was read then and is not there now is an error, as is one that was named:
    ///     what cannot be read is not the same as nothing.
    public static func load(
        _ flags: Flags, environment: [String: String], before: Loaded? = nil
    ) throws(ConfigurationError) -> Loaded {
        let (path, isOptional) = place(flags, environment, before)
        var configuration = Configuration()
        var read: String?
        // A pipe can be read once, and only the start may wait.
        let patience = before == nil ? FileBytes.pipePatience : 0
        if let text = try text(of: path, isOptional: isOptional, patience: patience) {
            configuration = try ConfigurationReader.read(text, source: path)
            read = path
        }
        configuration.discover = configuration.backends.isEmpty
        configuration.stateFile =
            flags.stateFile ?? environment["NEXUS_STATE_FILE"].flatMap { $0.isEmpty ? nil : $0 }
            ?? StateFile.path(besides: path)
        let namedKeysFile = flags.keysFile ?? environment["NEXUS_KEYS_FILE"].flatMap { $0.isEmpty ? nil : $0 }
        let keysFile = namedKeysFile ?? KeysFile.path(besides: path)
        configuration.access.keysFile = keysFile
        let kept = try keysFile.flatMap { path throws(ConfigurationError) in try KeysFile(path: path).load() }
        if let kept { try KeysFile.add(kept, to: &configuration.access, source: keysFile ?? "") }
        if kept == nil { configuration.access.missingKeysFile = namedKeysFile }
        if kept == nil, before?.hadKeysFile == true {
            throw ConfigurationError(
                source: keysFile ?? "",
                problems: [
                    ConfigurationProblem(
                        key: "",
                        message: "is not there any more; the keys before stay in force (to go without keys, restart)")
                ])
        }
        configuration.adapters.quarantineFolder = StateFolder.adapters(environment)
        if configuration.history.database == nil { configuration.history.database = StateFolder.history(environment) }
        if configuration.captures.database == nil {
            configuration.captures.database = StateFolder.captures(environment)
        }
        try apply(environment, to: &configuration)
        try apply(flags, to: &configuration)
        if configuration.adapters.directories.isEmpty {
            configuration.adapters.directories = AdapterDirectories.standard
        }
        return Loaded(configuration: configuration, path: read, hadKeysFile: kept != nil)
    }

    /// The file to read, and whether it may be missing.
    static func place(_ flags: Flags, _ environment: [String: String], _ before: Loaded?) -> (String, isOptional: Bool)
    {
        let variable = environment["NEXUS_CONFIG"].flatMap { $0.isEmpty ? nil : $0 }
        if let named = flags.config ?? variable ?? before?.path { return (named, false) }
        return (path(named: nil, environment), true)
    }

    /// Nil for one that is not there, if it may be missing.
    private static func text(
        of path: String, isOptional: Bool, patience: Int
    ) throws(ConfigurationError) -> String? {
        func problem(_ message: String) -> ConfigurationError {
            ConfigurationError(source: path, problems: [ConfigurationProblem(key: "", message: message)])
        }
        let bytes: [UInt8]
        do throws(FileBytes.Failure) {
            bytes = try FileBytes.read(path, limit: sizeLimit, patience: patience)
        } catch {
            if error.isAbsence, isOptional { return nil }
            throw problem("cannot be read: \(error)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw problem("is not UTF-8") }
        return text
    }

    private static func apply(_ environment: [String: String], to configuration: inout Configuration)
        throws(ConfigurationError)
    {
        var problems: [ConfigurationProblem] = []
        if let host = environment["NEXUS_HOST"] { configuration.server.host = host }
        if let text = environment["NEXUS_PORT"] {
            if let port = Int(text), (0...65535).contains(port) {
                configuration.server.port = port
            } else {
                problems.append(
                    ConfigurationProblem(key: "NEXUS_PORT", message: "must be a whole number from 0 to 65535"))
            }
        }
        if let text = environment["NEXUS_LOG_LEVEL"] { setLevel(text, "NEXUS_LOG_LEVEL", &configuration, &problems) }
        if let text = environment["NEXUS_LOG_FORMAT"] {
            setFormat(text, "NEXUS_LOG_FORMAT", &configuration, &problems)
        }
        if let text = environment["NEXUS_ALLOW_UNAUTHENTICATED"], !text.isEmpty {
            switch text {
            case "1", "true": configuration.access.allowsUnauthenticated = true
            case "0", "false": configuration.access.allowsUnauthenticated = false
            default:
                problems.append(
                    ConfigurationProblem(key: "NEXUS_ALLOW_UNAUTHENTICATED", message: "must be 1 or 0"))
            }
        }
        if let text = environment["NEXUS_ADAPTERS_DIR"], !text.isEmpty {
            configuration.adapters.directories = text.split(separator: ":").map(String.init)
        }
        if !problems.isEmpty { throw ConfigurationError(source: "environment", problems: problems) }
    }

    private static func apply(_ flags: Flags, to configuration: inout Configuration) throws(ConfigurationError) {
        var problems: [ConfigurationProblem] = []
        if let host = flags.host { configuration.server.host = host }
        if flags.allowUnauthenticated { configuration.access.allowsUnauthenticated = true }
        if let port = flags.port {
            if (0...65535).contains(port) {
                configuration.server.port = port
            } else {
                problems.append(ConfigurationProblem(key: "--port", message: "must be a whole number from 0 to 65535"))
            }
        }
        if let text = flags.logLevel { setLevel(text, "--log-level", &configuration, &problems) }
        if let text = flags.logFormat { setFormat(text, "--log-format", &configuration, &problems) }
        if !flags.adapterDirectories.isEmpty { configuration.adapters.directories = flags.adapterDirectories }
        if !problems.isEmpty { throw ConfigurationError(source: ConfigurationError.commandLine, problems: problems) }
    }

    private static func setFormat(
        _ text: String, _ key: String, _ configuration: inout Configuration, _ problems: inout [ConfigurationProblem]
    ) {
        if let format = Configuration.Logging.Format(rawValue: text) {
            configuration.logging.format = format
        } else {
            let near = Suggestion.nearest(text, in: Configuration.Logging.Format.allCases.map(\.rawValue))
            let hint = near.map { "; did you mean \"\($0)\"?" } ?? ""
            problems.append(ConfigurationProblem(key: key, message: "must be \"pretty\" or \"json\"\(hint)"))
        }
    }

    private static func setLevel(
        _ text: String, _ key: String, _ configuration: inout Configuration, _ problems: inout [ConfigurationProblem]
    ) {
        if let level = Configuration.Logging.Level(rawValue: text) {
            configuration.logging.level = level
        } else {
            let names = Configuration.Logging.Level.allCases.map(\.rawValue)
            let hint = Suggestion.nearest(text, in: names).map { "; did you mean \"\($0)\"?" } ?? ""
            problems.append(
                ConfigurationProblem(key: key, message: "must be one of \(names.joined(separator: ", "))\(hint)"))
        }
    }
}
