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
        public init() {}
    }

    /// The file that is read when none is named, if it is there.
    public static let defaultPath = "nexus.toml"

    public struct Loaded: Sendable {
        public var configuration: Configuration
        /// The file that was read; nil if none was.
        public var path: String?
    }

    /// - Parameter environment: variables by name.
    public static func load(_ flags: Flags, environment: [String: String]) throws(ConfigurationError) -> Loaded {
        let named = flags.config ?? environment["NEXUS_CONFIG"]
        let path = named ?? (access(defaultPath, F_OK) == 0 ? defaultPath : nil)
        var configuration = Configuration()
        if let path {
            configuration = try ConfigurationReader.read(try text(of: path), source: path)
        }
        configuration.discover = configuration.backends.isEmpty
        try apply(environment, to: &configuration)
        try apply(flags, to: &configuration)
        if configuration.adapters.directories.isEmpty {
            configuration.adapters.directories = AdapterDirectories.standard()
        }
        return Loaded(configuration: configuration, path: path)
    }

    private static func text(of path: String) throws(ConfigurationError) -> String {
        guard let bytes = FileBytes.read(path, limit: 16 * 1024 * 1024) else {
            throw ConfigurationError(
                source: path,
                problems: [
                    ConfigurationProblem(key: "", message: "cannot be read: \(String(cString: strerror(errno)))")
                ])
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(source: path, problems: [ConfigurationProblem(key: "", message: "is not UTF-8")])
        }
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

/// Whole files, read without Foundation.
public enum FileBytes {
    /// Nil with `errno` set if the file cannot be read or is larger than `limit`.
    public static func read(_ path: String, limit: Int) -> [UInt8]? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 * 1024)
        while true {
            let count = Glibc.read(file, &chunk, chunk.count)
            if count < 0 { return nil }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
            if bytes.count > limit {
                errno = EFBIG
                return nil
            }
        }
    }

    /// False with `errno` set. `exclusive`: an existing file is an error.
    public static func write(_ bytes: [UInt8], to path: String, exclusive: Bool) -> Bool {
        let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (exclusive ? O_EXCL : O_TRUNC), 0o644)
        guard file >= 0 else { return false }
        defer { close(file) }
        var written = 0
        while written < bytes.count {
            let count = bytes[written...].withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }
}
