/// A request with its body and that of its answer, as they were on the wire between client and gateway.
public struct Capture: Sendable, Equatable {
    /// One of the two.
    public struct Body: Sendable, Equatable {
        /// Media type; empty: not told.
        public var type: String
        public var bytes: [UInt8]
        /// Bytes that there were.
        public var total: UInt64
        /// Something was taken out of it, so that it is not what was sent.
        public var isRedacted = false
        /// Why there is nothing of it; nil: there is.
        public var problem: String?
        /// There was more than is kept.
        public var isCut: Bool

        public init(type: String, bytes: [UInt8], total: UInt64) {
            self.type = type
            self.bytes = bytes
            self.total = total
            isCut = UInt64(bytes.count) < total
        }

        /// What may be kept of it.
        public func redacted(by redaction: Redaction) -> Body {
            var body = self
            switch redaction.apply(to: bytes, type: type, isCut: isCut) {
            case .body(let bytes, let count):
                body.bytes = bytes
                body.isRedacted = count > 0
            case .impossible(let why):
                body.bytes = []
                body.problem = why
            }
            return body
        }
    }

    /// Names it; made by chance, so that nobody guesses it.
    public var id: String
    /// Unix seconds at which the exchange ended.
    public var endedAt: Int64
    public var requestID: String
    /// The name of the client's key; nil: none.
    public var key: String?
    /// The address of the client; empty: unknown.
    public var client: String
    /// The path that was asked.
    public var endpoint: String
    /// As the client asked for it.
    public var model: String
    /// The id of the backend that had it last; nil: none.
    public var backend: String?
    public var status: Int
    public var failed: Bool
    public var stream: Bool
    public var milliseconds: UInt64
    public var request: Body
    public var answer: Body

    /// Bytes of a text.
    private static let textLimit = 1024

    public init(
        endedAt: Int64, requestID: String, key: String?, client: String, endpoint: String, model: String,
        backend: String?,
        status: Int, failed: Bool, stream: Bool, milliseconds: UInt64, request: Body, answer: Body
    ) {
        id = Self.newID()
        self.endedAt = endedAt
        self.requestID = EntryLimits.cutBytes(requestID, to: Self.textLimit)
        self.key = key
        self.client = client
        self.endpoint = EntryLimits.cutBytes(endpoint, to: Self.textLimit)
        self.model = EntryLimits.cut(model, to: EntryLimits.model)
        self.backend = backend
        self.status = status
        self.failed = failed
        self.stream = stream
        self.milliseconds = milliseconds
        self.request = request
        self.answer = answer
    }

    private static func newID() -> String {
        var random = SystemRandomNumberGenerator()
        let number = random.next()
        return Hexadecimal.text((0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * UInt64($0))) })
    }
}

/// Which captures are meant.
public struct CaptureFilter: Sendable, Equatable {
    /// The one of this id.
    public var id: String?
    /// The name of the client's key.
    public var key: String?
    public var model: String?
    public var failed: Bool?
    /// Those that ended before this instant, in Unix seconds.
    public var before: Double?

    public init() {}
}
