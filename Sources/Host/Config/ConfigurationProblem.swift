import Core

/// One thing that is wrong with the configuration, for the operator: which key, on which line, and what is allowed.
public struct ConfigurationProblem: Error, Sendable, Equatable, CustomStringConvertible {
    /// Bytes of a problem that are shown.
    enum Limits {
        static let key = 256
        static let message = 1024
        /// A value of the file within a message.
        static let value = 200
    }

    /// Dotted path, e.g. `server.port` or `backends[0].url`; empty for the file as a whole.
    public var key: String
    /// In the file, from 1; nil when the value comes from elsewhere.
    public var line: Int?
    public var message: String

    /// Long texts are cut: what the file holds comes back in answers, on the page and in the log.
    public init(key: String, line: Int? = nil, message: String) {
        self.key = EntryLimits.cutBytes(key, to: Limits.key)
        self.line = line
        self.message = EntryLimits.cutBytes(message, to: Limits.message)
    }

    /// A value in quotes, cut.
    static func quoted(_ value: String) -> String {
        "\"\(EntryLimits.cutBytes(value, to: Limits.value))\""
    }

    public var description: String {
        (line.map { "line \($0): " } ?? "") + (key.isEmpty ? "" : "\(key): ") + message
    }
}

/// All that is wrong at once.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The source of what flags say.
    public static let commandLine = "command line"

    /// Where the values come from: a path, "environment" or `commandLine`.
    public var source: String
    public var problems: [ConfigurationProblem]
    /// The file says that the log is JSON.
    public var wantsJSON = false

    public init(source: String, problems: [ConfigurationProblem]) {
        self.source = source
        self.problems = problems
    }

    public var description: String {
        problems.map { "\(source): \($0)" }.joined(separator: "\n")
    }
}
