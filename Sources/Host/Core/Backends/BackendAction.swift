import JSON

/// What an operator can have done at a backend.
public struct BackendAction: Sendable, Equatable {
    public var name: String
    /// For the operator.
    public var help: String
    /// A page asks before it runs it.
    public var isDestructive: Bool
    /// JSON Schema of the arguments: an object.
    public var parameters: JSONValue
    /// It ends with a result, not only well.
    public var givesResult: Bool

    public init(name: String, help: String, isDestructive: Bool, parameters: JSONValue, givesResult: Bool) {
        self.name = name
        self.help = help
        self.isDestructive = isDestructive
        self.parameters = parameters
        self.givesResult = givesResult
    }
}

/// Why arguments do not fit an action. `message` names the argument.
public struct ArgumentProblem: Error, Equatable, Sendable {
    /// Nil: the arguments as a whole.
    public let argument: String?
    public let message: String

    public init(argument: String?, message: String) {
        self.argument = argument
        self.message = message
    }
}

/// Why an action is not run.
public enum ActionRefusal: Error, Equatable, Sendable {
    /// The backend has no such action, or does not offer it now.
    case notOffered
    case badArguments(ArgumentProblem)
    /// The limit of running actions is reached, or the system has no thread left.
    case tooMany
    /// The backend is being removed, or the gateway ends.
    case backendGone
}

/// How an action ended.
public struct ActionEnd: Sendable {
    public var progress: ActionProgress
    /// JSON text; nil when the action has no result, or did not succeed.
    public var result: [UInt8]?
    public var failure: ExchangeFailure?
    public var milliseconds: Int64

    public init(progress: ActionProgress, result: [UInt8]?, failure: ExchangeFailure?, milliseconds: Int64) {
        self.progress = progress
        self.result = result
        self.failure = failure
        self.milliseconds = milliseconds
    }
}

/// An event of a run. The last one is `ended`.
public enum ActionEvent: Sendable {
    case progress(ActionProgress)
    case ended(ActionEnd)
}

/// One run of an action. Callable from any thread.
public protocol ActionRunning: AnyObject, Sendable {
    var id: String { get }
    /// Unix seconds.
    var startedAt: Int64 { get }
    /// Since it was made.
    var milliseconds: Int64 { get }
    var progress: ActionProgress { get }

    /// Begins it. Call it at most once; `ended` follows once, unless this throws `tooMany` or `backendGone`.
    func start() throws(ActionRefusal)
    /// It will not be started.
    func discard()
    /// Asks it to return soon; its HTTP requests end.
    func cancel()
}
