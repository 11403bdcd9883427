import Core
import Glibc
import JSON

/// The file with the keys that `nexus keys` has made: TOML with `[[keys]]`, beside the configuration, which no program writes.
///
/// What stands in it is replaced as a whole (a new file takes its name), and only those of `SecretOwner` may read it. It holds no keys, but their
/// hashes.
public struct KeysFile: Sendable {
    /// Bytes of the file.
    static let sizeLimit = 4 * 1024 * 1024

    public let path: String

    public init(path: String) { self.path = path }

    /// Beside a configuration; nil: that is no place for a file (a pipe, a device).
    public static func path(besides configuration: String) -> String? {
        var status = stat()
        if stat(configuration, &status) == 0, status.st_mode & S_IFMT != S_IFREG { return nil }
        guard let end = configuration.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "keys.toml" }
        return configuration[...end] + "keys.toml"
    }

    /// Nil: there is no such file.
    /// - Throws: everything that is wrong with it, at once.
    public func load() throws(ConfigurationError) -> [KeyRule]? {
        func problem(_ message: String) -> ConfigurationError {
            ConfigurationError(source: path, problems: [ConfigurationProblem(key: "", message: message)])
        }
        let bytes: [UInt8]
        do throws(FileBytes.Failure) {
            bytes = try FileBytes.read(path, limit: Self.sizeLimit)
        } catch {
            if error.isAbsence { return nil }
            guard error != .system(EACCES) else {
                let user = SecretOwner.userName(geteuid())
                throw problem(
                    "cannot be read: \(error); give it to the user that runs the gateway (chown \(user) \(path))")
            }
            throw problem("cannot be read: \(error)")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw problem("is not UTF-8") }
        return try Self.keys(text, source: path)
    }

    static func keys(_ text: String, source: String) throws(ConfigurationError) -> [KeyRule] {
        let document: TOMLDocument
        do throws(ConfigurationProblem) {
            document = try TOMLDocument(text)
        } catch {
            throw ConfigurationError(source: source, problems: [error])
        }
        let problems = ProblemList(lines: document.lines)
        var root = Section(document.root, path: "", problems: problems)
        var keys: [KeyRule] = []
        root.sections("keys") { section, _ in
            if let key = KeyReader.key(&section) { keys.append(key) }
        }
        root.finish()
        KeyReader.check(keys, problems)
        guard problems.problems.isEmpty else {
            throw ConfigurationError(source: source, problems: problems.problems)
        }
        return keys
    }

    /// Puts the keys of a file to those of the configuration.
    static func add(
        _ kept: [KeyRule], to access: inout Configuration.Access, source: String
    ) throws(ConfigurationError) {
        let problems = ProblemList(lines: nil)
        for key in kept where access.keys.contains(where: { $0.name == key.name || $0.hash == key.hash }) {
            problems.add(
                "keys", "\(ConfigurationProblem.quoted(key.name)) is in the configuration, too; names must differ")
        }
        access.keys += kept
        if access.keys.count > Keyring.Limits.keys { KeyReader.check(access.keys, problems) }
        guard problems.problems.isEmpty else {
            throw ConfigurationError(source: source, problems: problems.problems)
        }
        access.isRequired = true
    }

    /// Why nothing was kept.
    public struct Failure: Error, Sendable, CustomStringConvertible {
        public let description: String
    }

    /// Changes what is in the file, which may not exist yet, while nobody else does.
    /// - Parameter change: gives the keys that are to be in it.
    public func change(_ change: ([KeyRule]) throws -> [KeyRule]) throws {
        // Of another name: the file itself is replaced.
        let lock = open(path + ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard lock >= 0 else { throw failure(path + ".lock") }
        defer { close(lock) }
        guard flock(lock, LOCK_EX) == 0 else { throw failure(path + ".lock") }
        try save(try change(try load() ?? []))
    }

    /// Returns when it is on the disk. Nothing is written that a start would not take.
    func save(_ keys: [KeyRule]) throws {
        let text = Self.text(keys)
        guard try Self.keys(text, source: path) == keys else {
            throw Failure(description: "the keys cannot be written")
        }
        let temporary = "\(path).\(getpid()).tmp"
        unlink(temporary)
        let file = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { throw failure(temporary) }
        SecretOwner.at(path).take(file)
        let isWritten = FileBytes.write(Array(text.utf8), to: file) && fsync(file) == 0
        let reason = errno
        close(file)
        guard isWritten else {
            unlink(temporary)
            throw failure(temporary, reason)
        }
        guard rename(temporary, path) == 0 else {
            let failure = failure(path)
            unlink(temporary)
            throw failure
        }
        // Else a key that was revoked might be back when the machine has failed.
        FileBytes.syncFolder(of: path)
    }

    private func failure(_ path: String, _ code: CInt = errno) -> Failure {
        Failure(description: "\(path) cannot be written: \(String(cString: strerror(code)))")
    }

    // MARK: Writing

    static func text(_ keys: [KeyRule]) -> String {
        var text = """
            # Keys that 'nexus keys' has made: their hashes, not the keys. See docs/access.md.
            # Where this file is, whoever has no key is refused, also when no key stands here.

            """
        for key in keys { text += "\n[[keys]]\n" + lines(of: key).joined(separator: "\n") + "\n" }
        return text
    }

    private static func lines(of key: KeyRule) -> [String] {
        var lines = ["name = \(TOMLText.quoted(key.name))", "hash = \(TOMLText.quoted(key.hash.text))"]
        if key.role != .client { lines.append("role = \(TOMLText.quoted(key.role.rawValue))") }
        if let expires = key.expires {
            lines.append("expires = \(TOMLText.quoted(Timestamp.text(seconds: Double(expires))))")
        }
        for (name, list) in [("models", key.scope.models), ("backends", key.scope.backends)] where !list.isEmpty {
            lines.append("\(name) = [\(list.map(TOMLText.quoted).joined(separator: ", "))]")
        }
        let limits = key.limits
        for (name, limit) in [
            ("requests_per_minute", limits.requestsPerMinute), ("requests_per_day", limits.requestsPerDay),
            ("tokens_per_minute", limits.tokensPerMinute), ("tokens_per_day", limits.tokensPerDay),
            ("max_concurrent", limits.maxConcurrent),
        ] {
            if let limit { lines.append("\(name) = \(limit)") }
        }
        if key.maxPriority != .high { lines.append("max_priority = \(TOMLText.quoted(key.maxPriority.rawValue))") }
        return lines
    }
}

/// One key as the command line describes it, checked as if it stood in a file.
public enum KeyDescription {
    /// - Parameters:
    ///   - members: names and values as in `[[keys]]`, without the hash.
    ///   - hash: of the key.
    /// - Throws: everything that is wrong, at once.
    public static func rule(_ members: JSONObject, hash: KeyHash) throws(ConfigurationError) -> KeyRule {
        let problems = ProblemList(lines: nil)
        let whole = JSONObject(members.members + [(name: "hash", value: .string(hash.text))])
        var section = Section(whole, path: "", problems: problems)
        let rule = KeyReader.key(&section)
        section.finish()
        if let rule { KeyReader.check([rule], problems) }
        guard let rule, problems.problems.isEmpty else {
            throw ConfigurationError(source: "the key", problems: problems.problems)
        }
        return rule
    }
}
