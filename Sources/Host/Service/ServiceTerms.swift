import Glibc

/// What the service manager that started this process has told it. Empty where there is none.
public struct ServiceTerms: Sendable, Equatable {
    /// Where it is told how things are.
    public var notify: NotifyAddress?
    public var watchdog: WatchdogTerms?
    public var sockets: [GivenSocket] = []
    /// What of it cannot be understood.
    public var problems: [String] = []

    public init() {}

    /// The variables that say it.
    static let variables = [
        "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES",
    ]

    /// - Parameters:
    ///   - variables: of the environment.
    ///   - process: the id of this process.
    public init(_ variables: [String: String], process: Int32) {
        if let text = variables["NOTIFY_SOCKET"], !text.isEmpty {
            notify = NotifyAddress(text)
            if notify == nil {
                problems.append("NOTIFY_SOCKET names no Unix socket that nexus can use: it begins with / or @")
            }
        }
        do throws(ServiceProblem) {
            watchdog = try WatchdogTerms.read(variables, process: process)
        } catch {
            problems.append("\(error)")
        }
        do throws(ServiceProblem) {
            sockets = try GivenSockets.read(variables, process: process)
        } catch {
            problems.append("\(error)")
        }
    }

    /// Reads what was told, and takes it out of the environment, so that no process that is started from here takes it for its own. Given
    /// descriptors are not inherited either. Before the first thread: the environment may not be changed while another one reads it.
    public static func take() -> ServiceTerms {
        var told: [String: String] = [:]
        for name in variables {
            if let value = getenv(name) { told[name] = String(cString: value) }
            unsetenv(name)
        }
        let terms = ServiceTerms(told, process: getpid())
        for socket in terms.sockets { _ = fcntl(socket.descriptor, F_SETFD, FD_CLOEXEC) }
        return terms
    }
}
