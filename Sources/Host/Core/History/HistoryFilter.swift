/// Which entries of the history are wanted. Pure.
public struct HistoryFilter: Sendable, Equatable {
    /// What a status may be asked for by.
    public enum Outcome: Sendable, Equatable {
        case success, error
        /// An HTTP status, such as 503.
        case code(Int)
        /// All from 400 to 499, for instance.
        case codes(ClosedRange<Int>)
    }

    /// The name that the client asked for, or the one at the backends.
    public var model: String?
    /// Ids of a backend that was asked at any of its attempts.
    public var backends: Set<String>?
    public var outcome: Outcome?
    public var client: String?
    /// The name of the client's key.
    public var key: String?
    /// "openai", "anthropic" or "ollama".
    public var api: String?
    /// Stands somewhere in what is shown of the entry, in small or capital letters.
    public var text: String?
    /// Unix seconds; when it ended.
    public var from: Double?
    public var to: Double?
    /// Those after the one with this number, of the run of the gateway that is named, or of any if none is.
    public var after: UInt64?
    public var instance: String?
    /// The newest so many of those that are wanted.
    public var limit: Int?

    public init() {}

    /// What is wrong with a parameter.
    public struct Problem: Error, Sendable, Equatable {
        public var parameter: String
        public var message: String

        public init(parameter: String, message: String) {
            self.parameter = parameter
            self.message = message
        }
    }

    /// Names of the parameters that `set` takes.
    public static let parameters = [
        "model", "backend", "status", "client", "key", "api", "text", "q", "from", "to", "limit", "after", "instance",
    ]

    /// APIs that clients speak.
    public static let apis = ["openai", "anthropic", "ollama"]

    /// Bytes of a text that is looked for.
    static let longestText = 256

    /// Takes one parameter of a query. An empty value is none.
    /// - Returns: false: there is no such parameter.
    public mutating func set(_ parameter: String, _ value: String) throws(Problem) -> Bool {
        guard Self.parameters.contains(parameter) else { return false }
        guard !value.isEmpty else { return true }
        guard value.utf8.count <= Self.longestText * 4 else {
            throw Problem(parameter: parameter, message: "\(parameter) is too long.")
        }
        switch parameter {
        case "model": model = value
        case "backend": backends = [value]
        case "client": client = value
        case "key": key = value
        case "text", "q": text = String(EntryLimits.cut(value, to: Self.longestText)).lowercased()
        case "status": outcome = try Self.outcome(value)
        case "api":
            guard Self.apis.contains(value.lowercased()) else {
                throw Problem(
                    parameter: "api", message: "api must be one of \(Self.apis.joined(separator: ", ")).")
            }
            api = value.lowercased()
        case "from": from = try Self.instant(value, "from")
        case "to": to = try Self.instant(value, "to")
        case "instance": instance = value
        case "after":
            guard let number = UInt64(value) else {
                throw Problem(parameter: "after", message: "after must be the seq of an entry.")
            }
            after = number
        default:
            guard let count = Int(value), count > 0 else {
                throw Problem(parameter: "limit", message: "limit must be a number from 1 on.")
            }
            limit = count
        }
        return true
    }

    private static func outcome(_ value: String) throws(Problem) -> Outcome {
        switch value.lowercased() {
        case "success": return .success
        case "error": return .error
        case let text where text.count == 3 && text.hasSuffix("xx"):
            if let digit = text.first?.wholeNumberValue, (1...5).contains(digit) {
                return .codes(digit * 100...digit * 100 + 99)
            }
        case let text:
            if let code = Int(text), (100...599).contains(code) { return .code(code) }
        }
        throw Problem(
            parameter: "status",
            message: "status must be Success, Error, an HTTP status such as 503, or a class of them such as 5xx.")
    }

    /// Of Unix seconds or RFC 3339.
    public static func instant(_ value: String, _ parameter: String) throws(Problem) -> Double {
        if let seconds = Double(value), seconds.isFinite, abs(seconds) < 1e12 { return seconds }
        if let seconds = Timestamp.seconds(rfc3339: value) { return seconds }
        throw Problem(
            parameter: parameter,
            message: "\(parameter) must be Unix seconds, or an instant such as 2026-01-02T03:04:05Z.")
    }

    /// Those of the entries that are wanted, in their order.
    public func apply(_ entries: [HistoryEntry]) -> [HistoryEntry] {
        let wanted = entries.filter(matches)
        return limit.map { Array(wanted.suffix($0)) } ?? wanted
    }

    public func matches(_ entry: HistoryEntry) -> Bool {
        if let model, entry.model != model, entry.knownModel != model { return false }
        if let backends, !backends.contains(entry.backendID),
            !entry.route.contains(where: { backends.contains($0.backend) })
        {
            return false
        }
        if let after, entry.sequence <= after, instance == nil || entry.instance.id == instance { return false }
        if let client, entry.client != client { return false }
        if let key, entry.key != key { return false }
        if let api, entry.api != api { return false }
        if let from, Double(entry.timestamp) < from { return false }
        if let to, Double(entry.timestamp) > to { return false }
        return matches(outcome, entry) && matches(text, entry)
    }

    private func matches(_ outcome: Outcome?, _ entry: HistoryEntry) -> Bool {
        switch outcome {
        case nil: true
        case .success: entry.status == .success
        case .error: entry.status == .error
        case .code(let code): entry.statusCode == code
        case .codes(let codes): codes.contains(entry.statusCode)
        }
    }

    private func matches(_ text: String?, _ entry: HistoryEntry) -> Bool {
        guard let text else { return true }
        func holds(_ other: String?) -> Bool { other?.lowercased().contains(text) ?? false }
        return holds(entry.model) || holds(entry.knownModel) || holds(entry.backendID) || holds(entry.errorMessage)
            || holds(entry.requestID) || holds(entry.client) || holds(entry.key) || holds(entry.endpoint)
            || entry.route.contains { holds($0.backend) || holds($0.failure) }
    }
}
