import ABIRules
import AdapterHost
import Glibc
import PluginAPI
import Product

/// The table of host services that the adapter under check gets: it answers as the gateway does, and notes what the header
/// forbids.
enum ScriptedHost {
    /// Invariant behind the unchecked Sendable: written once, before the first use.
    private struct Table<Content>: @unchecked Sendable {
        let pointer: UnsafeMutablePointer<Content>
        init(_ content: Content) {
            pointer = .allocate(capacity: 1)
            pointer.initialize(to: content)
        }
    }

    static var table: UnsafePointer<nexus_host> { UnsafePointer(services.pointer) }

    /// The table of a host of a later minor version: the same functions, and more behind them.
    static var newerTable: UnsafePointer<nexus_host> {
        let more = 8
        let table = UnsafeMutablePointer<nexus_host>.allocate(capacity: 2)
        let bytes = UnsafeMutableRawPointer(table)
        memset(bytes, 0xFF, 2 * MemoryLayout<nexus_host>.stride)
        table.initialize(to: services.pointer.pointee)
        table.pointee.abi_minor += 7
        table.pointee.struct_size += UInt32(more * MemoryLayout<UnsafeRawPointer>.stride)
        return UnsafePointer(table)
    }

    private static let services = Table(
        nexus_host(
            abi_major: UInt16(NEXUS_ABI_MAJOR), abi_minor: UInt16(NEXUS_ABI_MINOR),
            struct_size: UInt32(MemoryLayout<nexus_host>.size),
            version: nexus_str(
                ptr: UnsafeRawPointer(Product.version.utf8Start).assumingMemoryBound(to: CChar.self),
                len: Product.version.utf8CodeUnitCount),
            http_start: { ScriptedHTTP.start($0, $1, $2, $3, $4) },
            http_cancel: { handle in
                guard let loop = LoopThread.loop else { return ScriptedHost.wrongThread(handle, "http_cancel") }
                guard let request = loop.request(handle) else {
                    if Inbox.Handle.kind(handle) != Inbox.Handle.request {
                        loop.breaches.record(.unknownHandle, "http_cancel with a handle that never was")
                    }
                    return NEXUS_STALE
                }
                loop.cancel(request)
                return NEXUS_OK
            },
            exchange_begin: { handle, head in
                ScriptedHost.exchange(handle, "exchange_begin") { task, breaches in
                    guard let head = Versioned.read(head, minimum: Versioned.Minimum.responseHead),
                        let type = Text.copy(head.content_type)
                    else {
                        breaches.record(.badArgument, "exchange_begin: struct_size of the head")
                        return NEXUS_INVALID
                    }
                    guard AnswerRules.isSuccess(head.status) else {
                        breaches.record(.badStatus, "exchange_begin with status \(head.status)")
                        return NEXUS_INVALID
                    }
                    let allowed = TaskCall.begin.status(in: task.state)
                    guard allowed == NEXUS_OK else {
                        breaches.record(.beganTwice, "exchange_begin twice")
                        return allowed
                    }
                    task.status = head.status
                    task.contentType = String(decoding: type, as: UTF8.self)
                    task.headers = PassedHeaders.ofServers.taken(head.headers, count: head.header_count)
                    return NEXUS_OK
                }
            },
            exchange_write: { handle, bytes, length in
                ScriptedHost.exchange(handle, "exchange_write") { task, breaches in
                    guard bytes != nil || length == 0 else {
                        breaches.record(.badArgument, "exchange_write: NULL with a length")
                        return NEXUS_INVALID
                    }
                    guard AnswerRules.isWritable(length) else {
                        breaches.record(.badArgument, "exchange_write of \(UInt(bitPattern: length)) bytes")
                        return NEXUS_TOO_LARGE
                    }
                    let allowed = TaskCall.write.status(in: task.state)
                    guard allowed == NEXUS_OK else {
                        breaches.record(.writeBeforeBegin, "exchange_write before exchange_begin")
                        return allowed
                    }
                    task.wrote(UnsafeRawBufferPointer(start: bytes, count: length))
                    return NEXUS_OK
                }
            },
            exchange_finish: { handle, outcome in
                ScriptedHost.exchange(handle, "exchange_finish") { task, breaches in
                    let allowed = TaskCall.finish.status(in: task.state)
                    guard allowed == NEXUS_OK else {
                        breaches.record(.finishBeforeBegin, "exchange_finish before exchange_begin")
                        return allowed
                    }
                    if outcome != nil, Versioned.read(outcome, minimum: Versioned.Minimum.outcome) == nil {
                        breaches.record(.badArgument, "exchange_finish: struct_size of the outcome")
                    }
                    task.usage = ScriptedHost.usage(outcome)
                    LoopThread.loop?.retire(task, by: .adapter)
                    return NEXUS_OK
                }
            },
            exchange_fail: { handle, failure in
                ScriptedHost.exchange(handle, "exchange_fail") { task, breaches in
                    guard let failure = ScriptedTask.Failure(failure) else {
                        breaches.record(.badArgument, "exchange_fail: struct_size, or a length without data")
                        return NEXUS_INVALID
                    }
                    task.failure = failure
                    LoopThread.loop?.retire(task, by: .adapter)
                    return NEXUS_OK
                }
            },
            extension: { ScriptedHost.extension($0) },
            timer_start: { handle, milliseconds, function, user, out in
                ScriptedHost.task(handle, "timer_start") { task, loop in
                    guard let function, let out, milliseconds <= ABILimits.timerMilliseconds else {
                        loop.breaches.record(.badArgument, "timer_start: NULL, or more than a day")
                        return NEXUS_INVALID
                    }
                    guard loop.refusal == NEXUS_OK else { return loop.refusal }
                    guard task.timers.count < ABILimits.timers else {
                        loop.breaches.record(.tooMany, "more than \(ABILimits.timers) timers of one task")
                        return NEXUS_TOO_LARGE
                    }
                    out.pointee = loop.start(timer: milliseconds, task, function, user)
                    return NEXUS_OK
                }
            },
            timer_cancel: { handle in
                guard let loop = LoopThread.loop else { return ScriptedHost.wrongThread(handle, "timer_cancel") }
                return loop.cancel(timer: handle) ? NEXUS_OK : NEXUS_STALE
            },
            run_blocking: { handle, work, done, user in
                ScriptedHost.task(handle, "run_blocking") { task, loop in
                    guard let work, let done else {
                        loop.breaches.record(.badArgument, "run_blocking: a function is NULL")
                        return NEXUS_INVALID
                    }
                    guard loop.refusal == NEXUS_OK else { return loop.refusal }
                    guard loop.blockingCount < ABILimits.blocking else { return NEXUS_TOO_LARGE }
                    loop.runBlocking(handle, work, done, user)
                    return NEXUS_OK
                }
            }))

    static func wrongThread(_ handle: UInt64, _ call: String) -> nexus_status {
        Inbox.owning(handle)?.breaches.record(.wrongThread, "\(call) from a thread that is not the loop's")
        return NEXUS_WRONG_THREAD
    }

    static func task(
        _ handle: nexus_task, _ call: String, _ body: (ScriptedTask, ScriptedLoop) -> nexus_status
    ) -> nexus_status {
        guard let loop = LoopThread.loop else { return wrongThread(handle, call) }
        guard let task = loop.task(handle) else { return loop.refuse(handle, call) }
        return body(task, loop)
    }

    private static func exchange(
        _ handle: nexus_task, _ call: String, _ body: (ScriptedTask, Breaches) -> nexus_status
    ) -> nexus_status {
        task(handle, call) { task, loop in
            guard task.purpose == .exchange else {
                loop.breaches.record(.badArgument, "\(call) for a probe")
                return NEXUS_STALE
            }
            return body(task, loop.breaches)
        }
    }

    private static func usage(_ outcome: UnsafePointer<nexus_outcome>?) -> ScriptedTask.Usage {
        guard let outcome = Versioned.read(outcome, minimum: Versioned.Minimum.outcome) else {
            return ScriptedTask.Usage()
        }
        // An estimate is not what the server told.
        let isEstimated = outcome.flags & NEXUS_OUTCOME_ESTIMATED != 0
        return ScriptedTask.Usage(
            prompt: AnswerRules.count(outcome.prompt_tokens),
            completion: isEstimated ? nil : AnswerRules.count(outcome.completion_tokens),
            cached: AnswerRules.count(outcome.cached_tokens))
    }

    // MARK: Actions

    private static func `extension`(_ id: UnsafePointer<CChar>?) -> UnsafeRawPointer? {
        guard let id, String(cString: id) == NEXUS_ACTIONS else { return nil }
        return UnsafeRawPointer(ScriptedActionHost.table)
    }
}

extension ScriptedTask {
    private static let kept = 4 * 1024 * 1024

    func wrote(_ bytes: UnsafeRawBufferPointer) {
        writtenCount += bytes.count
        written.append(contentsOf: bytes.prefix(max(0, Self.kept - written.count)))
    }
}
