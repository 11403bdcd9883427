import AdapterHost
import Core
import Glibc
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import Service
import Shims
import Upstream

/// What `nexus adapters list` shows of one file.
public struct AdapterReport: Sendable {
    public var path: String
    public var type: String?
    public var displayName: String?
    public var version: String?
    /// The SHA-256 of the file.
    public var hash: ContentHash?
    public var abi: String?
    public var defaultURLs: [String] = []
    /// JSON Schema of its options; empty: it takes none.
    public var optionsSchema = ""
    /// What it answers.
    public var kinds: [RequestKind] = []
    /// Which parts of it are not used, and why.
    public var warnings: [String] = []
    /// Why it cannot be used.
    public var problem: String?
}

/// The gateway as a whole.
public enum Gateway {
    /// Version of the program.
    public static let version = GatewayState.version

    /// Words for an error of the libraries.
    public static func words(_ error: any Error) -> String { ErrorWords.describe(error) }

    /// Runs the gateway until a signal ends it. Prints `nexus: listening on http://HOST:PORT` to standard output when it
    /// takes requests; logs to standard error.
    /// - Parameters:
    ///   - source: path of the file that the configuration was read from; nil: of none.
    ///   - service: what the service manager has told.
    ///   - reload: called on SIGHUP and for `POST /v1/admin/reload`.
    ///   - ready: called with the address when it takes requests.
    /// - Returns: the exit status: 0 after an orderly end, 1 if it could not start, was forced to end, or an
    ///   adapter did not end its instances in time.
    public static func serve(
        _ configuration: Configuration, from source: String?, service terms: ServiceTerms = ServiceTerms(),
        reload: @escaping ConfigurationReload, ready: (String) -> Void = { _ in }
    ) async -> Int32 {
        nexus_memory_setup()
        let logs = GatewayLog.logs(configuration.logging)
        let logger = logs.gateway
        defer { GatewayLog.finish() }
        let signals = Signals.received()
        nexus_note_install()
        let service = ServiceLink(terms, logger: logger)
        func refuse(_ problem: String) -> Int32 {
            logger.critical("the gateway does not start: \(problem)")
            service.failed(problem)
            return 1
        }
        if !terms.problems.isEmpty { return refuse(terms.problems.joined(separator: "; ")) }
        let sockets: ListenSockets
        do throws(ServiceProblem) {
            sockets = try ListenSockets(configuration.server, given: terms.sockets)
        } catch {
            return refuse(error.description)
        }
        if let problem = ListenGuard.problem(configuration, hosts: sockets.hosts) { return refuse(problem) }
        if let warning = ListenGuard.warning(configuration, hosts: sockets.hosts) { logger.warning("\(warning)") }
        if let warning = ListenGuard.missingKeys(configuration.access) { logger.warning("\(warning)") }
        if let warning = sockets.warning { logger.warning("\(warning)") }
        let process = GatewayProcess(
            configuration: configuration, sockets: sockets, service: service, reload: reload, logs: logs)
        do {
            let address = try await process.start()
            announce(address)
            ready(address)
            logger.info(
                "the gateway takes requests",
                metadata: [
                    "address": "\(address)", "version": "\(version)",
                    "configuration": "\(source ?? "none: the defaults")",
                    "backends": .number(configuration.backends.count),
                ])
        } catch {
            process.abandon()
            let problem = StartFailure.describe(error, configuration)
            logger.critical("the gateway cannot start: \(problem)")
            service.failed(problem)
            return 1
        }
        return await process.run(until: signals)
    }

    /// Says on standard output that clients may come: in the form of the log, since both often go to the same place.
    private static func announce(_ address: String) {
        let message = "nexus: listening on \(address)"
        if GatewayLog.writesJSON {
            let line = LogLine(
                at: Clock.wallMilliseconds(), level: "info", component: "gateway", message: message,
                fields: [("address", .string(address))])
            print(String(decoding: LogFormat.bytes(line, asJSON: true), as: UTF8.self), terminator: "")
        } else {
            print(message)
        }
        fflush(nil)
    }

    /// Says in the form of the log why the gateway does not start, where that is JSON.
    public static func refuse(_ problems: [String]) {
        var logging = Configuration.Logging()
        logging.format = .json
        let logger = GatewayLog.logs(logging).gateway
        for problem in problems { logger.critical("the configuration is not valid: \(problem)") }
        GatewayLog.finish()
    }

    /// Loads all adapters of the directories and tells of each file what it is or why it is not used.
    /// What may not be loaded is not, and said to be so.
    public static func adapterReport(_ adapters: Configuration.Adapters) -> [AdapterReport] {
        let library = AdapterLibrary.load(directories: adapters.directories, rules: adapterRules(adapters))
        return library.images.map {
            AdapterReport(
                path: $0.path, type: $0.type, displayName: $0.displayName, version: $0.version, hash: $0.hash,
                abi: "\($0.abiMajor).\($0.abiMinor)", defaultURLs: $0.defaultURLs, optionsSchema: $0.optionsSchema,
                kinds: kinds($0.kinds), warnings: $0.warnings)
        } + library.rejected.map { AdapterReport(path: $0.path, problem: $0.problem.description) }
            + library.unread.map { AdapterReport(path: $0.path, problem: $0.reason) }
    }
}

extension Gateway {
    private static func kinds(_ bits: UInt32) -> [RequestKind] { RequestKind.allCases.filter { bits & $0.bit != 0 } }
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
            default: return ErrorWords.system(error.errnoCode)
            }
        }
        if error is SocketAddressError.UnknownHost {
            return "\(configuration.server.host) is neither an address nor a name that can be resolved; see --host"
        }
        if let error = error as? PEMFile.Unusable { return error.description }
        return "\(ErrorWords.describe(error)); 'nexus doctor' looks for what it may be"
    }
}
