import PluginAPI

/// What the server says when something went wrong, and which failure that is: it decides whether the gateway tries
/// another backend, and what the client sees.
struct ServerError {
    /// Nil: it did not say.
    private(set) var message: String?
    /// An HTTP status inside the error.
    private(set) var code: UInt32?
    private let body: [UInt8]

    /// The body of an answer whose status says error.
    init(_ body: [UInt8]) {
        self.body = body
        read((try? JSONValue.parse(body)) ?? .null)
    }

    /// Nil: the value is no error.
    init?(inside value: JSONValue) {
        body = value.bytes
        read(value)
        if message == nil { return nil }
    }

    /// Understands `{"error":{"message":"..."}}` and `{"error":"..."}`.
    private mutating func read(_ value: JSONValue) {
        guard let error = value["error"] else { return }
        if error.object != nil {
            message = error["message"]?.string ?? "the server reported an error without a message"
            if let code = error["code"]?.int, (400...599).contains(code) { self.code = UInt32(code) }
        } else {
            message = error.string
        }
    }

    func failure(status: UInt32, apiKey: String, retryAfterMilliseconds: UInt32 = 0) -> Failure {
        var failure = Failure(
            kind: Self.kind(status), status: status, retryAfterMilliseconds: retryAfterMilliseconds,
            message: "the server answered with status \(status)")
        if failure.kind == NEXUS_FAIL_AUTH {
            failure.message =
                "the server wants an API key or refuses the one it got (status \(status)); see api_key_env"
        } else if let message, apiKey.isEmpty || !Self.contains(body, Array(apiKey.utf8)) {
            // Servers like to repeat a key they refuse: nothing that holds it goes on.
            failure.message = message
            failure.body = body
        }
        return failure
    }

    private static func kind(_ status: UInt32) -> nexus_failure_kind {
        switch status {
        case 401, 403: NEXUS_FAIL_AUTH
        // The gateway passes a 404 on, and tries 501 elsewhere.
        case 404, 501: NEXUS_FAIL_UNSUPPORTED
        case 408, 429, 503: NEXUS_FAIL_BUSY
        case 504: NEXUS_FAIL_TIMEOUT
        case 400...499: NEXUS_FAIL_REJECTED
        default: NEXUS_FAIL_UPSTREAM
        }
    }

    /// The failure of a request that did not end well; nil: it did.
    static func failure(_ end: HTTPEnd) -> Failure? {
        switch end {
        case .complete, .cancelled: nil
        case .refused(let message): Failure(kind: NEXUS_FAIL_CONNECT, message: message)
        case .timedOut(let message): Failure(kind: NEXUS_FAIL_TIMEOUT, message: message)
        case .closed(let message), .garbage(let message): Failure(kind: NEXUS_FAIL_UPSTREAM, message: message)
        }
    }

    private static func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
        bytes.indices.contains { bytes[$0...].starts(with: part) }
    }
}
