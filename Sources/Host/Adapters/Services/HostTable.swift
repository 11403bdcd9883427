import Core
import NIOCore
import PluginAPI

/// The table of host services: one for all adapters and backends, filled once, never freed.
///
/// The functions find the calling loop's services by its thread, and everything else by handle; they trust no pointer
/// further than its length says.
enum HostTable {
    static let versionText: StaticString = "0.1.0"

    /// Bytes of one `exchange_write`.
    static let writeLimit = 16 * 1024 * 1024
    static let messageLimit = 1024
    static let bodyLimit = 64 * 1024

    /// Invariant behind the unchecked Sendable: written once, before the first use.
    private struct Table: @unchecked Sendable {
        let pointer: UnsafeMutablePointer<nexus_host>
    }

    private static let table: Table = {
        let pointer = UnsafeMutablePointer<nexus_host>.allocate(capacity: 1)
        let version = UnsafeRawPointer(versionText.utf8Start).assumingMemoryBound(to: CChar.self)
        pointer.initialize(
            to: nexus_host(
                abi_major: UInt16(NEXUS_ABI_MAJOR), abi_minor: UInt16(NEXUS_ABI_MINOR),
                struct_size: UInt32(MemoryLayout<nexus_host>.size),
                version: nexus_str(ptr: version, len: versionText.utf8CodeUnitCount),
                http_start: { HTTPStart.start(task: $0, request: $1, handlers: $2, user: $3, out: $4) },
                http_cancel: { handle in
                    HostTable.request(handle) { request in
                        request.cancel()
                        return NEXUS_OK
                    }
                },
                exchange_begin: { handle, head in
                    guard let head, head.pointee.struct_size >= MemoryLayout<nexus_response_head>.size else {
                        return NEXUS_INVALID
                    }
                    return HostTable.task(handle) { $0.began(head.pointee) }
                },
                exchange_write: { handle, bytes, length in
                    guard bytes != nil || length == 0 else { return NEXUS_INVALID }
                    guard length <= HostTable.writeLimit else { return NEXUS_TOO_LARGE }
                    return HostTable.task(handle) { $0.wrote(UnsafeRawBufferPointer(start: bytes, count: length)) }
                },
                exchange_finish: { handle, outcome in
                    HostTable.task(handle) { $0.finished(HostTable.outcome(outcome)) }
                },
                exchange_fail: { handle, failure in
                    guard let failure, failure.pointee.struct_size >= MemoryLayout<nexus_failure>.size else {
                        return NEXUS_INVALID
                    }
                    return HostTable.task(handle) { $0.failed(HostTable.failure(failure.pointee)) }
                },
                extension: { _ in nil }))
        return Table(pointer: pointer)
    }()

    static var pointer: UnsafePointer<nexus_host> { UnsafePointer(table.pointer) }

    // MARK: Handles

    static func task(_ handle: nexus_task, _ body: (AdapterTask) -> nexus_status) -> nexus_status {
        guard let services = LoopServices.current else { return NEXUS_WRONG_THREAD }
        guard let task = services.tasks[handle] else { return NEXUS_STALE }
        return body(task)
    }

    static func request(_ handle: nexus_http, _ body: (AdapterRequest) -> nexus_status) -> nexus_status {
        guard let services = LoopServices.current else { return NEXUS_WRONG_THREAD }
        guard let request = services.requests[handle] else { return NEXUS_STALE }
        return body(request)
    }

    // MARK: Values

    /// A missing or too small outcome tells nothing.
    private static func outcome(_ outcome: UnsafePointer<nexus_outcome>?) -> ExchangeOutcome {
        guard let outcome, outcome.pointee.struct_size >= MemoryLayout<nexus_outcome>.size else {
            return ExchangeOutcome()
        }
        func known(_ tokens: UInt64) -> UInt64? { tokens > 1 << 53 ? nil : tokens }
        return ExchangeOutcome(
            promptTokens: known(outcome.pointee.prompt_tokens),
            completionTokens: known(outcome.pointee.completion_tokens),
            cachedTokens: known(outcome.pointee.cached_tokens))
    }

    private static func failure(_ failure: nexus_failure) -> ExchangeFailure {
        let kind: ExchangeFailure.Kind =
            switch failure.kind {
            case NEXUS_FAIL_CONNECT: .connect
            case NEXUS_FAIL_TIMEOUT: .timeout
            case NEXUS_FAIL_UPSTREAM: .upstream
            case NEXUS_FAIL_BUSY: .busy
            case NEXUS_FAIL_REJECTED: .rejected
            case NEXUS_FAIL_AUTH: .auth
            case NEXUS_FAIL_UNSUPPORTED: .unsupported
            default: .adapter
            }
        let message = BorrowedText.line(failure.message, limit: messageLimit)
        let body = BorrowedText.bytes(failure.body).map { $0.count <= bodyLimit ? [UInt8]($0) : [] } ?? []
        return ExchangeFailure(
            kind: kind, status: Int(failure.status), retryAfterMilliseconds: UInt64(failure.retry_after_ms),
            message: message.isEmpty ? "The adapter gave no reason." : message, body: body)
    }
}
