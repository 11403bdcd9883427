/// How far an operator's action is.
public struct ActionProgress: Sendable, Equatable {
    public enum Status: String, Sendable { case running, succeeded, failed, cancelled }

    public var id: String
    public var backendID: String
    /// The action's name.
    public var action: String
    public var status = Status.running
    /// In any unit; nil before the action has told anything.
    public var done: UInt64?
    /// In the unit of `done`; nil: unknown.
    public var total: UInt64?
    /// What is being done.
    public var message: String?
    /// Why it failed.
    public var error: String?

    public init(id: String, backendID: String, action: String) {
        self.id = id
        self.backendID = backendID
        self.action = action
    }

    /// 0...1; nil if unknown.
    public var fraction: Double? {
        guard let done, let total, total > 0 else { return nil }
        return min(1, Double(done) / Double(total))
    }
}
