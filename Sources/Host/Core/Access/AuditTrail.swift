import JSON
import Synchronization

/// What an operator had the gateway do, and what came of it.
public struct AuditRecord: Sendable, Equatable {
    /// Position in the order in which commands ended, from 1.
    public var sequence: UInt64 = 0
    /// Unix seconds at its end.
    public var at: Double
    /// The name of the operator's key; nil: none was needed.
    public var key: String?
    /// The name of the certificate that made him an operator; nil: it was none.
    public var certificate: String?
    /// He had signed in on the page.
    public var isSession: Bool
    /// The address of his client; empty: it was a signal.
    public var client: String
    /// Method and path; never the body, in which there may be secrets.
    public var command: String
    /// HTTP status that he was answered with; 499: he did not wait for it.
    public var status: Int
    /// Why it was not done; nil: it was, or is under way.
    public var problem: String?

    public init(
        at: Double, key: String? = nil, certificate: String? = nil, isSession: Bool = false, client: String,
        command: String, status: Int,
        problem: String? = nil
    ) {
        self.at = at
        self.key = key
        self.certificate = certificate
        self.isSession = isSession
        self.client = client
        self.command = EntryLimits.cut(command, to: AuditTrail.Limits.text)
        self.status = status
        self.problem = problem.map { EntryLimits.cut($0, to: AuditTrail.Limits.text) }
    }
}

/// The newest commands of operators. Callable from any thread.
public final class AuditTrail: Sendable {
    public enum Limits {
        public static let records = 1000
        /// Bytes of a text.
        static let text = 512
    }

    private struct State {
        var records: [AuditRecord] = []
        var last: UInt64 = 0
    }

    private let state = Mutex(State())

    public init() {}

    /// - Returns: the record with its number.
    @discardableResult
    public func append(_ record: AuditRecord) -> AuditRecord {
        state.withLock { state in
            var record = record
            state.last += 1
            record.sequence = state.last
            // A quarter at once, so that not each one moves all.
            if state.records.count >= Limits.records { state.records.removeFirst(Limits.records / 4) }
            state.records.append(record)
            return record
        }
    }

    /// In their order.
    public var records: [AuditRecord] { state.withLock { $0.records } }

    /// `GET /v1/audit`: the newest last.
    public static func json(_ records: [AuditRecord]) -> [UInt8] {
        var json = JSONWriter(capacity: 128 + records.count * 256)
        json.beginObject()
        json.key("object")
        json.string("list")
        json.key("data")
        json.beginArray()
        for record in records { write(record, to: &json) }
        json.endArray()
        json.endObject()
        return json.bytes
    }

    /// One record; see docs/access.md.
    public static func write(_ record: AuditRecord, to json: inout JSONWriter) {
        json.beginObject()
        json.key("seq")
        json.integer(record.sequence)
        json.key("at")
        json.string(Timestamp.text(seconds: record.at))
        json.key("key")
        if let key = record.key { json.string(key) } else { json.null() }
        json.key("certificate")
        if let name = record.certificate { json.string(name) } else { json.null() }
        json.key("session")
        json.bool(record.isSession)
        json.key("client")
        if record.client.isEmpty { json.null() } else { json.string(record.client) }
        json.key("command")
        json.string(record.command)
        json.key("status")
        json.integer(record.status)
        json.key("problem")
        if let problem = record.problem { json.string(problem) } else { json.null() }
        json.endObject()
    }
}
