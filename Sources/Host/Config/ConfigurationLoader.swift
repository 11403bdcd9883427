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
        public var stateFile: String?
        public init() {}
    }

    /// The file that is read when none is named, if it is there.
    public static let defaultPath = "nexus.toml"

    public struct Loaded: Sendable {
        public var configuration: Configuration
        /// The file that was read; nil if none was.
        public var path: String?
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
        try apply(environment, to: &configuration)
        try apply(flags, to: &configuration)
        if configuration.adapters.directories.isEmpty {
            configuration.adapters.directories = AdapterDirectories.standard
        }
        return Loaded(configuration: configuration, path: read)
    }

    /// The file to read, and whether it may be missing.
    static func place(_ flags: Flags, _ environment: [String: String], _ before: Loaded?) -> (String, isOptional: Bool)
    {
        if let named = flags.config ?? environment["NEXUS_CONFIG"] ?? before?.path { return (named, false) }
        return (defaultPath, true)
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
            if let format = Configuration.Logging.Format(rawValue: text) {
                configuration.logging.format = format
            } else {
                problems.append(
                    ConfigurationProblem(key: "NEXUS_LOG_FORMAT", message: "must be \"pretty\" or \"json\""))
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
        if let port = flags.port {
            if (0...65535).contains(port) {
                configuration.server.port = port
            } else {
                problems.append(ConfigurationProblem(key: "--port", message: "must be a whole number from 0 to 65535"))
            }
        }
        if let text = flags.logLevel { setLevel(text, "--log-level", &configuration, &problems) }
        if !flags.adapterDirectories.isEmpty { configuration.adapters.directories = flags.adapterDirectories }
        if !problems.isEmpty { throw ConfigurationError(source: "command line", problems: problems) }
    }

    private static func setLevel(
        _ text: String, _ key: String, _ configuration: inout Configuration, _ problems: inout [ConfigurationProblem]
    ) {
        if let level = Configuration.Logging.Level(rawValue: text) {
            configuration.logging.level = level
        } else {
            let names = Configuration.Logging.Level.allCases.map(\.rawValue).joined(separator: ", ")
            problems.append(ConfigurationProblem(key: key, message: "must be one of \(names)"))
        }
    }
}
