import Core
import Glibc
import Synchronization

/// Where the configuration comes from, at the start and at each reload.
public final class ConfigurationSource: Sendable {
    private let flags: ConfigurationLoader.Flags
    private let environment: @Sendable () -> [String: String]
    private let last: Mutex<ConfigurationLoader.Loaded?>

    /// - Parameter environment: asked at each load.
    public init(_ flags: ConfigurationLoader.Flags, environment: @escaping @Sendable () -> [String: String]) {
        self.flags = flags
        self.environment = environment
        last = Mutex(nil)
    }

    /// The file that was read last; nil: there was none.
    public var path: String? { last.withLock { $0?.path } }

    /// Reads everything. A file that was there the last time has to be there again.
    public func load() throws(ConfigurationError) -> Configuration {
        let before = last.withLock { $0 }
        let loaded = try ConfigurationLoader.load(flags, environment: environment(), before: before)
        last.withLock { $0 = loaded }
        return loaded.configuration
    }

    /// The same once the file was left alone for a second, so that it is not read while it is written.
    public func loadAtRest() async throws -> Configuration {
        let (path, _) = ConfigurationLoader.place(flags, environment(), last.withLock { $0 })
        var rest = FileRest(now: Clock.monotonicMilliseconds())
        while true {
            let mark = FileMark(path: path)
            switch rest.look(mark, now: Clock.monotonicMilliseconds(), wall: Clock.wallMilliseconds()) {
            case .atRest:
                let result = Result { () throws(ConfigurationError) in try load() }
                // Not if somebody has begun to write it meanwhile.
                if FileMark(path: path) == mark { return try result.get() }
            case .changing: break
            case .restless:
                throw ConfigurationError(
                    source: path,
                    problems: [ConfigurationProblem(key: "", message: "does not stop changing; it was not taken")])
            }
            try await Task.sleep(for: .milliseconds(FileRest.Limits.step))
        }
    }
}
