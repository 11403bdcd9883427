import AdapterHost
import Core
import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Shims

/// What `nexus adapters list` shows of one file.
public struct AdapterReport: Sendable {
    public var path: String
    public var type: String?
    public var displayName: String?
    public var version: String?
    public var abi: String?
    public var defaultURLs: [String] = []
    /// Which parts of it are not used, and why.
    public var warnings: [String] = []
    /// Why it cannot be used.
    public var problem: String?
}

/// The gateway as a whole.
public enum Gateway {
    /// Version of the program.
    public static let version = GatewayState.version

    /// Runs the gateway until a signal ends it. Prints `nexus: listening on http://HOST:PORT` to standard output when it
    /// takes requests; logs to standard error.
    /// - Parameter reload: called on SIGHUP and for `POST /v1/admin/reload`.
    /// - Returns: the exit status: 0 after an orderly end, 1 if it could not start, was forced to end, or an
    ///   adapter did not end its instances in time.
    public static func serve(
        _ configuration: Configuration, reload: @escaping ConfigurationReload
    ) async -> Int32 {
        nexus_memory_setup()
        let logger = GatewayLog.logger(configuration.logging)
        defer { GatewayLog.finish() }
        let signals = Signals.received()
        nexus_note_install()
        let process = GatewayProcess(configuration: configuration, reload: reload, logger: logger)
        do {
            let address = try await process.start()
            print("nexus: listening on \(address)")
            fflush(nil)
        } catch {
            logger.critical("the gateway cannot start: \(StartFailure.describe(error, configuration))")
            return 1
        }
        return await process.run(until: signals)
    }

    /// Loads all adapters of the directories and tells of each file what it is or why it is not used.
    public static func adapterReport(directories: [String]) -> [AdapterReport] {
        let library = AdapterLibrary.load(directories: directories)
        return library.images.map {
            AdapterReport(
                path: $0.path, type: $0.type, displayName: $0.displayName, version: $0.version,
                abi: "\($0.abiMajor).\($0.abiMinor)", defaultURLs: $0.defaultURLs, warnings: $0.warnings)
        } + library.rejected.map { AdapterReport(path: $0.path, problem: $0.problem.description) }
            + library.unread.map { AdapterReport(path: $0.path, problem: $0.reason) }
    }
}

/// Words for what keeps the gateway from starting.
enum StartFailure {
    static func describe(_ error: any Error, _ configuration: Configuration) -> String {
        if let error = error as? IOError {
            let place = "\(configuration.server.host):\(configuration.server.port)"
            switch error.errnoCode {
            case EADDRINUSE: return "\(place) is in use; stop what listens there or choose another port with --port"
            case EACCES: return "\(place) may not be used by this user; choose a port above 1023 with --port"
            case EADDRNOTAVAIL: return "\(configuration.server.host) is no address of this machine; see --host"
            default: return String(cString: strerror(error.errnoCode))
            }
        }
        return "\(error)"
    }
}
