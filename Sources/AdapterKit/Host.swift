import PluginAPI

/// The host's services, all but those of `Later.swift`, which are methods of a task. The table lives as long as the process and is never written to.
struct Host: @unchecked Sendable {
    private let table: UnsafePointer<nexus_host>

    init(_ table: UnsafePointer<nexus_host>) { self.table = table }

    /// The functions themselves, for what has no method here.
    var services: nexus_host { table.pointee }

    /// Starts a request whose body is given. `handler` is kept until its `end`. On the task's loop.
    /// - Parameters:
    ///   - path: starts with "/" and is appended to the path of the backend's URL; with `fromRoot` it is the whole path.
    ///   - headers: those of every request; without host, content-length, transfer-encoding and connection.
    ///   - extra: those of this request alone; they count instead of others of the same name.
    ///   - sendsExchangeBody: send the client's request body as it is, at no cost; `body` is ignored.
    ///   - timeoutMilliseconds: from the start to the last byte; 0: the task's deadline alone.
    func start(
        _ task: nexus_task, method: StaticString, path: String, headers: StaticHeaders,
        extra: [(name: String, value: String)] = [], fromRoot: Bool = false, body: [UInt8] = [],
        sendsExchangeBody: Bool = false, timeoutMilliseconds: UInt32 = 0, handler: HTTPHandler
    ) -> nexus_status {
        lend(path) { path in
            body.withUnsafeBytes { body in
                var request = nexus_http_request()
                request.struct_size = UInt32(MemoryLayout<nexus_http_request>.size)
                request.method = nexus_str(
                    UnsafeRawBufferPointer(start: method.utf8Start, count: method.utf8CodeUnitCount))
                request.flags =
                    (fromRoot ? NEXUS_HTTP_FROM_ROOT : 0) | (sendsExchangeBody ? NEXUS_HTTP_EXCHANGE_BODY : 0)
                request.path = path
                request.body = nexus_str(body)
                request.timeout_ms = timeoutMilliseconds
                return headers.adding(extra) { all in
                    request.headers = all.baseAddress
                    request.header_count = all.count
                    return start(task, &request, handler)
                }
            }
        }
    }

    /// Ends a request before its time; the handler's `end` follows, never inside this call. On the task's loop.
    func cancel(_ handler: HTTPHandler) { _ = table.pointee.http_cancel(handler.request) }

    /// Starts a request; `handler` is kept until its `end`, which is always called if this succeeds.
    func start(_ task: nexus_task, _ request: inout nexus_http_request, _ handler: HTTPHandler) -> nexus_status {
        var handlers = HTTPHandler.functions
        var handle: nexus_http = 0
        let user = Unmanaged.passRetained(handler)
        let status = table.pointee.http_start(task, &request, &handlers, user.toOpaque(), &handle)
        if status != NEXUS_OK { user.release() }
        handler.request = status == NEXUS_OK ? handle : 0
        return status
    }
}

/// An exchange that the adapter answers. The status of a call is ignored: an exchange that has ended refuses
/// everything, and then there is nothing to do about it.
struct ExchangeTask: HostTask {
    /// Bytes of one call of the host's `exchange_write`.
    private static let pieceLimit = 16 * 1024 * 1024

    let handle: nexus_task
    let host: Host

    /// Says what the answer will be: once, before the first write. Until then the host may still try another backend.
    /// - Parameters:
    ///   - status: 200...299.
    ///   - contentType: empty: application/json, or the type of a stream when the client asked for one.
    ///   - warning: what of the request was left out, for the client; may be empty.
    ///   - headers: the server's, for the client; the host takes those it passes. See `nexus_http_head.passedHeaders`.
    func begin(
        status: UInt32, contentType: nexus_str = nexus_str(), warning: String = "", headers: [HeaderField] = []
    ) {
        var head = nexus_response_head()
        head.struct_size = UInt32(MemoryLayout<nexus_response_head>.size)
        head.status = status
        head.content_type = contentType
        lend(headers) { fields in
            head.headers = fields.baseAddress
            head.header_count = fields.count
            guard !warning.isEmpty else {
                _ = host.services.exchange_begin(handle, &head)
                return
            }
            lend(warning) {
                head.warning = $0
                _ = host.services.exchange_begin(handle, &head)
            }
        }
    }

    /// Gives a piece of the answer, of any length. Bytes that a handler's `body` was given are not copied.
    func write(_ bytes: UnsafeRawBufferPointer) {
        var rest = bytes
        while !rest.isEmpty {
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.pieceLimit))
            _ = host.services.exchange_write(
                handle, piece.assumingMemoryBound(to: CChar.self).baseAddress, piece.count)
            rest = UnsafeRawBufferPointer(rebasing: rest.dropFirst(piece.count))
        }
    }

    func write(_ bytes: [UInt8]) { bytes.withUnsafeBytes { write($0) } }

    /// Ends the exchange well; needs `begin` before.
    func finish(_ usage: TokenUsage) {
        var outcome = nexus_outcome(
            struct_size: UInt32(MemoryLayout<nexus_outcome>.size), reserved: 0,
            prompt_tokens: usage.prompt ?? TokenUsage.unknown,
            completion_tokens: usage.completion ?? TokenUsage.unknown,
            cached_tokens: usage.cached ?? TokenUsage.unknown,
            flags: usage.isEstimated ? NEXUS_OUTCOME_ESTIMATED : 0, reserved2: 0,
            prompt_us: usage.promptMicroseconds, completion_us: usage.completionMicroseconds)
        _ = host.services.exchange_finish(handle, &outcome)
    }

    /// Refuses the request with words that the client reads; for `submit`, which returns what this gives.
    /// - Parameter kind: NEXUS_FAIL_REJECTED: the request is wrong, and no other backend is asked. NEXUS_FAIL_UNSUPPORTED: this
    ///   server cannot do it, perhaps another can.
    func refuse(_ kind: nexus_failure_kind, _ words: String) -> nexus_status {
        fail(Failure(kind: kind, message: words))
        return NEXUS_OK
    }

    /// Ends the exchange as failed, also before `begin`.
    /// - Parameter usage: what is known of the work until then; a host from before ABI 1.2 is not interested.
    func fail(_ failure: Failure, usage: TokenUsage = TokenUsage()) {
        failure.cross(usage) { _ = host.services.exchange_fail(handle, $0) }
    }
}

/// Token counts; nil when the server did not tell.
struct TokenUsage: Equatable {
    /// The header's NEXUS_TOKENS_UNKNOWN, which is a macro the importer does not show.
    static let unknown = UInt64.max

    var prompt: UInt64?
    var completion: UInt64?
    var cached: UInt64?
    /// `completion` was counted from the pieces of a stream.
    var isEstimated = false
    /// How long the server worked on the prompt, as it told; 0: it did not.
    var promptMicroseconds: UInt64 = 0
    /// How long it generated, as it told; 0: it did not.
    var completionMicroseconds: UInt64 = 0

    /// Takes the number of pieces that came for the tokens that were generated.
    mutating func estimate(_ pieces: UInt64) {
        guard pieces > 0 else { return }
        completion = pieces
        isEstimated = true
    }
}

/// Why an exchange failed.
struct Failure: Error, Equatable {
    /// Decides about a retry and about the status the client sees.
    var kind: nexus_failure_kind
    /// The server's HTTP status; 0: none.
    var status: UInt32 = 0
    var retryAfterMilliseconds: UInt32 = 0
    /// For people: what happened and what to do; no secrets.
    var message: String
    /// The error as JSON in OpenAI's shape; may be empty.
    var body: [UInt8] = []
    /// The server's, for the client; the host takes those it passes.
    var headers: [HeaderField] = []

    static func == (left: Failure, right: Failure) -> Bool {
        left.kind == right.kind && left.status == right.status
            && left.retryAfterMilliseconds == right.retryAfterMilliseconds && left.message == right.message
            && left.body == right.body && left.headers.elementsEqual(right.headers, by: ==)
    }

    /// Lends it to the host for the duration of `body`.
    func cross(_ usage: TokenUsage = TokenUsage(), _ body: (UnsafePointer<nexus_failure>) -> Void) {
        lend(message) { message in
            lend(headers) { fields in
                self.body.withUnsafeBytes { bytes in
                    var crossing = nexus_failure(
                        struct_size: UInt32(MemoryLayout<nexus_failure>.size), kind: kind, status: status,
                        retry_after_ms: retryAfterMilliseconds, message: message, body: nexus_str(bytes),
                        prompt_tokens: usage.prompt ?? 0, completion_tokens: usage.completion ?? 0,
                        cached_tokens: usage.cached ?? 0, flags: usage.isEstimated ? NEXUS_OUTCOME_ESTIMATED : 0,
                        reserved: 0, headers: fields.baseAddress, header_count: fields.count)
                    body(&crossing)
                }
            }
        }
    }
}

/// A probe, which the first health report ends.
struct ProbeTask: HostTask {
    let handle: nexus_task
    let host: Host
}
