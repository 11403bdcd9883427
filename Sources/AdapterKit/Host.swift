import PluginAPI

/// The host's services. The table lives as long as the process and is never written to.
struct Host: @unchecked Sendable {
    private let table: UnsafePointer<nexus_host>

    init(_ table: UnsafePointer<nexus_host>) { self.table = table }

    var services: nexus_host { table.pointee }

    /// Starts a request whose body is given. `handler` is kept until its `end`.
    func start(
        _ task: nexus_task, method: StaticString, path: String, headers: StaticHeaders, fromRoot: Bool = false,
        body: [UInt8] = [], timeoutMilliseconds: UInt32 = 0, handler: HTTPHandler
    ) -> nexus_status {
        lend(path) { path in
            body.withUnsafeBytes { body in
                var request = nexus_http_request()
                request.struct_size = UInt32(MemoryLayout<nexus_http_request>.size)
                request.method = nexus_str(
                    UnsafeRawBufferPointer(start: method.utf8Start, count: method.utf8CodeUnitCount))
                request.flags = fromRoot ? NEXUS_HTTP_FROM_ROOT : 0
                request.path = path
                request.headers = headers.pointer
                request.header_count = headers.count
                request.body = nexus_str(body)
                request.timeout_ms = timeoutMilliseconds
                return start(task, &request, handler)
            }
        }
    }

    /// Starts a request; `handler` is kept until its `end`, which is always called if this succeeds.
    func start(_ task: nexus_task, _ request: inout nexus_http_request, _ handler: HTTPHandler) -> nexus_status {
        var handlers = HTTPHandler.functions
        var handle: nexus_http = 0
        let user = Unmanaged.passRetained(handler)
        let status = table.pointee.http_start(task, &request, &handlers, user.toOpaque(), &handle)
        if status != NEXUS_OK { user.release() }
        return status
    }
}

/// An exchange that the adapter answers. What the host says to a call is not looked at: an exchange that has ended refuses
/// everything, and then nobody is left to be told.
struct ExchangeTask {
    /// Bytes of one call of the host's `exchange_write`.
    private static let pieceLimit = 16 * 1024 * 1024

    let handle: nexus_task
    let host: Host

    func begin(status: UInt32, contentType: nexus_str = nexus_str()) {
        var head = nexus_response_head(
            struct_size: UInt32(MemoryLayout<nexus_response_head>.size), status: status, content_type: contentType)
        _ = host.services.exchange_begin(handle, &head)
    }

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

    func finish(_ usage: TokenUsage) {
        var outcome = nexus_outcome(
            struct_size: UInt32(MemoryLayout<nexus_outcome>.size), reserved: 0,
            prompt_tokens: usage.prompt ?? TokenUsage.unknown,
            completion_tokens: usage.completion ?? TokenUsage.unknown,
            cached_tokens: usage.cached ?? TokenUsage.unknown)
        _ = host.services.exchange_finish(handle, &outcome)
    }

    func fail(_ failure: Failure) {
        lend(failure.message) { message in
            failure.body.withUnsafeBytes { body in
                var crossing = nexus_failure(
                    struct_size: UInt32(MemoryLayout<nexus_failure>.size), kind: failure.kind, status: failure.status,
                    retry_after_ms: failure.retryAfterMilliseconds, message: message, body: nexus_str(body))
                _ = host.services.exchange_fail(handle, &crossing)
            }
        }
    }
}

/// Token counts; nil when the server did not tell.
struct TokenUsage: Equatable {
    /// The header's NEXUS_TOKENS_UNKNOWN, which is a macro the importer does not show.
    static let unknown = UInt64.max

    var prompt: UInt64?
    var completion: UInt64?
    var cached: UInt64?
}

/// Why an exchange failed.
struct Failure: Error, Equatable {
    var kind: nexus_failure_kind
    var status: UInt32 = 0
    var retryAfterMilliseconds: UInt32 = 0
    var message: String
    /// The error as JSON in OpenAI's shape; may be empty.
    var body: [UInt8] = []
}

/// A probe.
struct ProbeTask {
    let handle: nexus_task
    let host: Host
}
