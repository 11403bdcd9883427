import ABIRules
import Core
import Glibc
import JSON
import NIOCore
import PluginAPI
import Product

/// The table of host services: one for all adapters and backends, filled once, never freed.
///
/// The functions find the calling loop's services by its thread, and everything else by handle; they trust no pointer
/// further than its length says.
enum HostTable {

    /// Invariant behind the unchecked Sendable: written once, before the first use.
    private struct Table: @unchecked Sendable {
        let pointer: UnsafeMutablePointer<nexus_host>
    }

    private static let table: Table = {
        let pointer = UnsafeMutablePointer<nexus_host>.allocate(capacity: 1)
        let version = UnsafeRawPointer(Product.version.utf8Start).assumingMemoryBound(to: CChar.self)
        pointer.initialize(
            to: nexus_host(
                abi_major: UInt16(NEXUS_ABI_MAJOR), abi_minor: UInt16(NEXUS_ABI_MINOR),
                struct_size: UInt32(MemoryLayout<nexus_host>.size),
                version: nexus_str(ptr: version, len: Product.version.utf8CodeUnitCount),
                http_start: { task, request, handlers, user, out in
                    HostCode.run {
                        HTTPStart.start(task: task, request: request, handlers: handlers, user: user, out: out)
                    }
                },
                http_cancel: { handle in
                    HostTable.request(handle, "http_cancel") { request in
                        request.cancel()
                        return NEXUS_OK
                    }
                },
                exchange_begin: { handle, head in
                    guard let head = Versioned.read(head, minimum: Versioned.Minimum.responseHead) else {
                        return NEXUS_INVALID
                    }
                    return HostTable.task(handle, "exchange_begin") { $0.began(head) }
                },
                exchange_write: { handle, bytes, length in
                    guard bytes != nil || length == 0 else { return NEXUS_INVALID }
                    guard AnswerRules.isWritable(length) else { return NEXUS_TOO_LARGE }
                    return HostTable.task(handle, "exchange_write") {
                        $0.wrote(UnsafeRawBufferPointer(start: bytes, count: length))
                    }
                },
                exchange_finish: { handle, outcome in
                    HostTable.task(handle, "exchange_finish") { $0.finished(HostTable.outcome(outcome)) }
                },
                exchange_fail: { handle, failure in
                    guard let failure = Versioned.read(failure, minimum: Versioned.Minimum.failure) else {
                        return NEXUS_INVALID
                    }
                    return HostTable.task(handle, "exchange_fail") { $0.failed(HostTable.failure(failure)) }
                },
                extension: { HostTable.extensions($0) },
                timer_start: { handle, milliseconds, function, user, out in
                    guard let function, let out, milliseconds <= ABILimits.timerMilliseconds else {
                        return NEXUS_INVALID
                    }
                    return HostTable.task(handle, "timer_start") { task in
                        let (status, timer) = task.startTimer(milliseconds, function, user)
                        if status == NEXUS_OK { out.pointee = timer }
                        return status
                    }
                },
                timer_cancel: { handle in
                    guard let services = LoopServices.current else { return HostTable.wrongThread("timer_cancel") }
                    guard let timer = services.timers[handle], services.caller.map(timer.isOf) == true else {
                        return HostTable.stale(
                            "timer_cancel", services.caller ?? services.timers.owner(of: handle))
                    }
                    HostCode.run { timer.cancel() }
                    return NEXUS_OK
                },
                run_blocking: { handle, work, done, user in
                    guard let work, let done else { return NEXUS_INVALID }
                    return HostTable.task(handle, "run_blocking") { task in
                        guard task.backend.use.beginBlocking() else { return NEXUS_TOO_LARGE }
                        let job = BlockingWork.Job(task: handle, work: work, done: done, user: user)
                        BlockingWork.run(job, for: task.backend, on: task.services)
                        return NEXUS_OK
                    }
                }))
        return Table(pointer: pointer)
    }()

    static var pointer: UnsafePointer<nexus_host> { UnsafePointer(table.pointer) }

    // MARK: Handles

    @inline(__always)
    static func task(
        _ handle: nexus_task, _ call: StaticString, _ body: (AdapterTask) -> nexus_status
    ) -> nexus_status {
        guard let services = LoopServices.current else { return wrongThread(call) }
        guard let task = services.tasks[handle], services.caller == task.backend.ordinal else {
            return stale(call, services.caller ?? services.tasks.owner(of: handle))
        }
        return HostCode.run { body(task) }
    }

    static func request(
        _ handle: nexus_http, _ call: StaticString, _ body: (AdapterRequest) -> nexus_status
    ) -> nexus_status {
        guard let services = LoopServices.current else { return wrongThread(call) }
        guard let request = services.requests[handle], services.caller.map(request.isOf) == true else {
            return stale(call, services.caller ?? services.requests.owner(of: handle))
        }
        return HostCode.run { body(request) }
    }

    static func wrongThread(_ call: StaticString) -> nexus_status {
        Misuse.wrongThread.record("\(call)", of: nil)
        return NEXUS_WRONG_THREAD
    }

    static func stale(_ call: StaticString, _ owner: Int?) -> nexus_status {
        Misuse.staleHandle.record("\(call)", of: owner.flatMap { BackendNames.name(of: $0) })
        return NEXUS_STALE
    }

    /// Optional abilities by name.
    private static func extensions(_ id: UnsafePointer<CChar>?) -> UnsafeRawPointer? {
        guard let id, NEXUS_ACTIONS.withCString({ strcmp($0, id) == 0 }) else { return nil }
        return UnsafeRawPointer(ActionHostTable.pointer)
    }

    // MARK: Values

    /// A missing or too small outcome tells nothing.
    private static func outcome(_ outcome: UnsafePointer<nexus_outcome>?) -> ExchangeOutcome {
        guard let outcome = Versioned.read(outcome, minimum: Versioned.Minimum.outcome) else {
            return ExchangeOutcome()
        }
        return ExchangeOutcome(
            promptTokens: AnswerRules.count(outcome.prompt_tokens),
            completionTokens: AnswerRules.count(outcome.completion_tokens),
            cachedTokens: AnswerRules.count(outcome.cached_tokens),
            isEstimated: outcome.flags & NEXUS_OUTCOME_ESTIMATED != 0,
            promptMicroseconds: AnswerRules.figure(outcome.prompt_us),
            completionMicroseconds: AnswerRules.figure(outcome.completion_us))
    }

    /// What an adapter left zero, or does not know of, is unknown.
    private static func work(of failure: nexus_failure) -> ExchangeOutcome {
        ExchangeOutcome(
            promptTokens: AnswerRules.figure(failure.prompt_tokens),
            completionTokens: AnswerRules.figure(failure.completion_tokens),
            cachedTokens: AnswerRules.figure(failure.cached_tokens),
            isEstimated: failure.flags & NEXUS_OUTCOME_ESTIMATED != 0)
    }

    static func failure(_ failure: nexus_failure) -> ExchangeFailure {
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
        let message = BorrowedText.line(failure.message, limit: ABILimits.message)
        let given = AnswerRules.failureBody(failure.body)
        // It goes to the client as JSON.
        let body = (try? JSONValue.parse(given)) == nil ? [] : given
        return ExchangeFailure(
            kind: kind, status: Int(failure.status), retryAfterMilliseconds: UInt64(failure.retry_after_ms),
            message: message.isEmpty ? "The adapter gave no reason." : message, body: body,
            outcome: work(of: failure), headers: passed(failure.headers, failure.header_count))
    }

    /// Those header fields of an answer that the client may see.
    static func headers(_ head: nexus_response_head) -> [HeaderField] { passed(head.headers, head.header_count) }

    private static func passed(_ first: UnsafePointer<nexus_header>?, _ count: Int) -> [HeaderField] {
        PassedHeaders.ofServers.taken(first, count: count).map { HeaderField(name: $0.name, value: $0.value) }
    }
}
