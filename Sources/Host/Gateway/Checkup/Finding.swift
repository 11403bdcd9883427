/// One thing that was looked at before, or without, a gateway.
public struct Finding: Sendable, Equatable {
    public enum Weight: String, Sendable {
        /// As it should be.
        case well
        /// The gateway runs with it, and somebody should know.
        case note
        /// It will not work.
        case wrong
    }

    public var weight: Weight
    /// What it is about: a key of the configuration, a file, a backend.
    public var subject: String
    public var message: String
    /// What to do; nil: nothing is to be done.
    public var advice: String?
    /// Something listens where the gateway is to listen: it may be the gateway.
    public var isPortInUse = false

    static func well(_ subject: String, _ message: String) -> Finding {
        Finding(weight: .well, subject: subject, message: message)
    }

    static func note(_ subject: String, _ message: String, _ advice: String? = nil) -> Finding {
        Finding(weight: .note, subject: subject, message: message, advice: advice)
    }

    static func wrong(_ subject: String, _ message: String, _ advice: String) -> Finding {
        Finding(weight: .wrong, subject: subject, message: message, advice: advice)
    }

    public init(weight: Weight, subject: String, message: String, advice: String? = nil) {
        self.weight = weight
        self.subject = subject
        self.message = message
        self.advice = advice
    }
}
