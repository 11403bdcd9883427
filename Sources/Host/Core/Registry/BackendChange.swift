/// A backend stands otherwise than before.
public struct BackendChange: Sendable, Equatable {
    /// The backend's id.
    public var backend: String
    public var url: String
    public var before: BackendPast.Standing
    public var after: BackendPast.Standing
    /// Why it is not well; nil: it is.
    public var reason: String?
    /// What is to be said of its state besides, as in `BackendView`.
    public var stateReason: String?
    /// For how many seconds its status was the one before.
    public var lasted: Double

    public init(
        backend: String, url: String = "", before: BackendPast.Standing, after: BackendPast.Standing,
        reason: String? = nil, stateReason: String? = nil, lasted: Double = 0
    ) {
        self.backend = backend
        self.url = url
        self.before = before
        self.after = after
        self.reason = reason
        self.stateReason = stateReason
        self.lasted = lasted
    }
}
