/// What is looked at to find troubles, at one instant. A plain value: who makes it reads clocks and counters.
public struct TroublePicture: Sendable, Equatable {
    public struct Backend: Sendable, Equatable {
        public var id: String
        public var name: String
        public var status: BackendStatus
        public var state: BackendState
        /// When the status became what it is, in Unix seconds.
        public var statusSince: Double
        /// When its probes began to fail, in Unix seconds; nil: they do not.
        public var failingSince: Double?
        /// Why it is not well.
        public var reason: String
        /// What is said besides: how many of its probes in a row were well.
        public var note: String
        /// It is needed: it has a model that no other backend serves now, or no other backend serves anything.
        public var isSole = false
        public var flaps = FlapCount.Recent()
        public var breaker: BreakerGate.Reading?
        /// Failures since the last success, and when the first of them was, in Unix seconds.
        public var failuresInARow = 0
        public var failuresSince: Double?
        public var rests: [Rest] = []

        public init(
            id: String, name: String, status: BackendStatus, state: BackendState? = nil, statusSince: Double = 0,
            failingSince: Double? = nil, reason: String = "", note: String = ""
        ) {
            self.id = id
            self.name = name
            self.status = status
            self.state = state ?? BackendState(status, .steady)
            self.statusSince = statusSince
            self.failingSince = failingSince
            self.reason = reason
            self.note = note
        }
    }

    /// A server that asked to be left alone.
    public struct Rest: Sendable, Equatable {
        /// Nil: with all of its models.
        public var model: String?
        /// Unix seconds.
        public var since: Double
        public var until: Double

        public init(model: String?, since: Double, until: Double) {
            self.model = model
            self.since = since
            self.until = until
        }
    }

    /// How attempts with one model went at one backend in the last minute.
    public struct ModelErrors: Sendable, Equatable {
        public var backend: String
        public var model: String
        public var attempts: UInt64
        public var failures: UInt64
        /// Of the last one.
        public var message: String

        public init(backend: String, model: String, attempts: UInt64, failures: UInt64, message: String = "") {
            self.backend = backend
            self.model = model
            self.attempts = attempts
            self.failures = failures
            self.message = message
        }
    }

    public struct Queue: Sendable, Equatable {
        public var waiting: Int
        /// Requests that may wait.
        public var limit: Int
        /// Requests that were not allowed to, since the start.
        public var refused: UInt64

        public init(waiting: Int = 0, limit: Int = 0, refused: UInt64 = 0) {
            self.waiting = waiting
            self.limit = limit
            self.refused = refused
        }
    }

    public struct Reload: Sendable, Equatable {
        public var problem: String
        /// Unix seconds.
        public var at: Double

        public init(problem: String, at: Double) {
            self.problem = problem
            self.at = at
        }
    }

    /// The listener's certificate.
    public struct Certificate: Sendable, Equatable {
        /// When it ceases to count, in Unix seconds.
        public var expires: Double
        /// Why what the files hold now was not taken; nil: it was.
        public var problem: String?
        /// Of the problem, in Unix seconds.
        public var since: Double

        public init(expires: Double, problem: String? = nil, since: Double = 0) {
            self.expires = expires
            self.problem = problem
            self.since = since
        }
    }

    /// Why something that serves no requests itself does not work.
    public struct Outage: Sendable, Equatable {
        public var reason: String
        /// Unix seconds.
        public var since: Double

        public init(reason: String, since: Double) {
            self.reason = reason
            self.since = since
        }
    }

    /// What an adapter did that it must not, since the start.
    public struct Misuse: Sendable, Equatable {
        /// Its type.
        public var adapter: String
        /// For which backend; empty: that is not known.
        public var backend: String
        /// What it was, as in "calls with a handle that had ended".
        public var words: String
        public var count: UInt64
        /// Within a few minutes, until it is told.
        public var threshold: UInt64

        public init(adapter: String, backend: String, words: String, count: UInt64, threshold: UInt64 = 1) {
            self.adapter = adapter
            self.backend = backend
            self.words = words
            self.count = count
            self.threshold = threshold
        }
    }

    /// A file that is not used, and that somebody may miss.
    public struct RefusedFile: Sendable, Equatable {
        public enum Reason: Sendable, Equatable {
            /// It cannot be used, while the version before is.
            case newVersion
            /// The operator's list does not name it.
            case unlisted
            /// The list names it with other bytes.
            case otherBytes
            /// It is left out for its crashes.
            case quarantine
        }

        public var path: String
        public var problem: String
        public var reason: Reason

        public init(path: String, problem: String, reason: Reason = .newVersion) {
            self.path = path
            self.problem = problem
            self.reason = reason
        }
    }

    public struct Memory: Sendable, Equatable {
        /// Bytes.
        public var used: Int
        public var limit: Int
        /// How often there was not enough, since the start.
        public var refused: UInt64

        public init(used: Int = 0, limit: Int = .max, refused: UInt64 = 0) {
            self.used = used
            self.limit = limit
            self.refused = refused
        }
    }

    /// The wall clock in Unix seconds.
    public var now: Double
    /// Nanoseconds of the monotonic clock.
    public var instant: UInt64
    public var backends: [Backend] = []
    public var errors: [ModelErrors] = []
    public var queue = Queue()
    /// The last reload failed.
    public var reload: Reload?
    public var stateProblem: String?
    /// Nil: clients are not served over TLS.
    public var certificate: Certificate?
    /// The history is not kept in its file.
    public var historyProblem: Outage?
    /// The collector does not take spans.
    public var collectorProblem: Outage?
    /// Captures are not kept in theirs.
    public var capturesProblem: Outage?
    public var misuse: [Misuse] = []
    public var refusedFiles: [RefusedFile] = []
    public var memory = Memory()
    /// A connection could not be made a moment ago for want of descriptors.
    public var lacksDescriptors = false

    public init(now: Double, instant: UInt64) {
        self.now = now
        self.instant = instant
    }
}
