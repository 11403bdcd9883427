import PluginAPI

/// How far a task is, as the header's table of states has it.
public enum TaskState: Sendable, Equatable, CaseIterable {
    /// An exchange, between `submit` and `exchange_begin`.
    case new
    case begun
    /// After the first piece.
    case written
    case probe
    case over
}

/// A call that concerns a task.
public enum TaskCall: String, Sendable, CaseIterable {
    case httpStart = "http_start"
    case httpStartWithExchangeBody = "http_start with NEXUS_HTTP_EXCHANGE_BODY"
    case begin = "exchange_begin"
    case write = "exchange_write"
    case finish = "exchange_finish"
    case fail = "exchange_fail"
    case timerStart = "timer_start"
    case runBlocking = "run_blocking"

    /// What the call returns in a state, if its arguments are right and no limit is exceeded: the header's table.
    /// - Parameter isLate: the deadline has passed, and the ends of the HTTP requests are being told.
    public func status(in state: TaskState, isLate: Bool = false) -> nexus_status {
        switch (self, state) {
        case (_, .over): NEXUS_STALE
        case (.httpStartWithExchangeBody, .probe): NEXUS_INVALID
        case (.httpStart, _), (.httpStartWithExchangeBody, _): isLate ? NEXUS_BAD_STATE : NEXUS_OK
        case (.timerStart, _), (.runBlocking, _): NEXUS_OK
        case (_, .probe): NEXUS_STALE
        case (.begin, .new): NEXUS_OK
        case (.begin, _): NEXUS_BAD_STATE
        case (.write, .new), (.finish, .new): NEXUS_BAD_STATE
        case (.write, _), (.finish, _), (.fail, _): NEXUS_OK
        }
    }
}
