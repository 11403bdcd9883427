import ABIRules
import PluginAPI

/// The host as an adapter sees it, for tests of adapters: it records what the adapter does, and the test plays the server.
/// Everything happens on the test's own thread, inside `run`.
public final class FakeHost: @unchecked Sendable {
    /// One HTTP request of the adapter.
    public final class Request {
        public let task: UInt64
        public let method: String
        public let path: String
        public let headers: [String: String]
        public let body: String
        public let sendsExchangeBody: Bool
        /// The path of the backend's URL is left out.
        public let isFromRoot: Bool
        public fileprivate(set) var isOver = false
        fileprivate let handle: UInt64
        private let handlers: nexus_http_handlers
        private let user: UnsafeMutableRawPointer?

        /// What the end of the request tells, in microseconds; 0: unknown.
        public var connectedMicroseconds: UInt64 = 0
        public var firstByteMicroseconds: UInt64 = 0
        public var reusesConnection = false

        fileprivate init(
            _ request: CheckedHTTPRequest, task: UInt64, handle: UInt64, handlers: nexus_http_handlers,
            user: UnsafeMutableRawPointer?
        ) {
            self.task = task
            self.handle = handle
            self.handlers = handlers
            self.user = user
            func text(_ bytes: UnsafeRawBufferPointer) -> String { String(decoding: bytes, as: UTF8.self) }
            method = text(request.method)
            path = text(request.path)
            body = request.body.map(text) ?? ""
            sendsExchangeBody = request.body == nil
            isFromRoot = request.isFromRoot
            var headers: [String: String] = [:]
            request.forEachField { headers[text($0)] = text($1) }
            self.headers = headers
        }

        public func head(_ status: UInt32, _ headers: [(String, String)] = []) {
            let storage = headers.map { (Array($0.0.utf8), Array($0.1.utf8)) }
            let fields = storage.map { nexus_header(name: borrow($0.0), value: borrow($0.1)) }
            withExtendedLifetime(storage) {
                fields.withUnsafeBufferPointer { fields in
                    var head = nexus_http_head(
                        struct_size: UInt32(MemoryLayout<nexus_http_head>.size), status: status,
                        headers: fields.baseAddress, header_count: fields.count)
                    handlers.on_head(user, handle, &head)
                }
            }
        }

        public func body(_ bytes: some Collection<UInt8>) {
            // A copy that is gone after the call, so that a borrowed pointer which is kept shows.
            let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
            memory.copyBytes(from: bytes)
            handlers.on_body(user, handle, memory.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count)
            memory.initializeMemory(as: UInt8.self, repeating: 0x21)
            memory.deallocate()
        }

        public func end(_ result: UInt32 = NEXUS_HTTP_COMPLETE, _ message: String = "") {
            isOver = true
            let bytes = Array(message.utf8)
            withExtendedLifetime(bytes) {
                var end = nexus_http_end()
                end.struct_size = UInt32(MemoryLayout<nexus_http_end>.size)
                end.result = result
                end.message = borrow(bytes)
                end.connected_us = connectedMicroseconds
                end.first_byte_us = firstByteMicroseconds
                end.flags = reusesConnection ? NEXUS_HTTP_END_REUSED : 0
                handlers.on_end(user, handle, &end)
            }
        }

        /// A whole answer.
        public func answer(_ status: UInt32, _ headers: [(String, String)] = [], _ body: String) {
            head(status, headers)
            if !body.isEmpty { self.body(body.utf8) }
            end()
        }
    }

    /// What became of an exchange.
    public struct Exchange {
        public var status: UInt32?
        public var contentType = ""
        public var warning = ""
        /// What of the answer's header fields reaches the client.
        public var headers: [PassedField] = []
        public var written: [UInt8] = []
        public var writes = 0
        public var outcome: nexus_outcome?
        public var failure: Failure?
        /// Calls that the host would have refused.
        public var refused: [String] = []

        public var text: String { String(decoding: written, as: UTF8.self) }
        public var isOver: Bool { outcome != nil || failure != nil }

        fileprivate var state: TaskState {
            if isOver { return .over }
            return status == nil ? .new : written.isEmpty ? .begun : .written
        }
    }

    public struct Failure: Equatable {
        public var kind: UInt32
        public var status: UInt32
        public var retryAfter: UInt32
        public var message: String
        public var body: String
        /// What was known of the work; 0: nothing.
        public var promptTokens: UInt64 = 0
        public var completionTokens: UInt64 = 0
        public var isEstimated = false
        /// What of its header fields reaches the client.
        public var headers: [PassedField] = []

        /// Nil for a `struct_size` that cannot be.
        fileprivate init?(_ pointer: UnsafePointer<nexus_failure>?) {
            guard let failure = Versioned.read(pointer, minimum: Versioned.Minimum.failure) else { return nil }
            kind = failure.kind
            status = failure.status
            retryAfter = failure.retry_after_ms
            message = text(failure.message)
            body = String(decoding: AnswerRules.failureBody(failure.body), as: UTF8.self)
            promptTokens = failure.prompt_tokens
            completionTokens = failure.completion_tokens
            isEstimated = failure.flags & NEXUS_OUTCOME_ESTIMATED != 0
            headers = PassedHeaders.ofServers.taken(failure.headers, count: failure.header_count)
        }
    }

    public struct Model: Equatable {
        public var id: String
        public var context: UInt64
        public var capabilities: UInt32
        /// Of which it is known whether the model has them, beside those that it has.
        public var lacks: UInt32 = 0
        public var state: UInt32 = 0
        public var loadedUntil: Int64 = 0
        public var size: UInt64 = 0
        public var memory: UInt64 = 0
        public var deviceMemory = UInt64.max
        /// JSON.
        public var details = ""
    }

    public struct Load: Equatable {
        public var slots: UInt32
        public var running: UInt32
        public var waiting: UInt32
        public var cacheUse: Double
    }

    public struct Health: Equatable {
        public var status: UInt32
        public var message: String
        public var server: String
        public var kinds: UInt32 = 0
    }

    public private(set) var requests: [Request] = []
    /// Why HTTP requests were refused.
    public private(set) var refusals: [String] = []
    public private(set) var exchanges: [UInt64: Exchange] = [:]
    public private(set) var models: [[Model]] = []
    public private(set) var health: [Health] = []
    public private(set) var loads: [Load] = []
    private var nextHandle: UInt64 = 1

    private struct Timer {
        let handle: UInt64
        let milliseconds: UInt32
        let function: nexus_timer_end
        let user: UnsafeMutableRawPointer?
    }
    private var timers: [Timer] = []
    /// What the host does in a later turn of its loop.
    private var later: [() -> Void] = []

    @TaskLocal private static var current: FakeHost?

    /// Runs `body` with a new host.
    public static func run(_ body: (FakeHost) throws -> Void) rethrows {
        let host = FakeHost()
        try $current.withValue(host) { try body(host) }
    }

    /// A task that an adapter may be given.
    public func newTask() -> UInt64 {
        nextHandle += 1
        exchanges[nextHandle] = Exchange()
        return nextHandle
    }

    /// The open request with this path.
    public func request(_ path: String) -> Request? { requests.first { $0.path == path && !$0.isOver } }

    /// Milliseconds of the timers that are running.
    public var timerMilliseconds: [UInt32] { timers.map(\.milliseconds) }

    /// Lets the time of all timers be up.
    public func fireTimers() {
        let fired = timers
        timers = []
        for timer in fired { timer.function(timer.user, timer.handle, NEXUS_OK) }
    }

    /// Runs what the adapter gave to `run_blocking` and `post`, and what that gives.
    public func turn() {
        while !later.isEmpty { later.removeFirst()() }
    }

    private func isLive(_ task: UInt64) -> Bool { exchanges[task].map { !$0.isOver } ?? false }

    public var openPaths: [String] { requests.filter { !$0.isOver }.map(\.path) }

    // MARK: Tables

    private struct Table<Content>: @unchecked Sendable {
        let pointer: UnsafeMutablePointer<Content>
        init(_ content: Content) {
            pointer = .allocate(capacity: 1)
            pointer.initialize(to: content)
        }
    }

    public static var table: UnsafePointer<nexus_host> { UnsafePointer(services.pointer) }
    public static var callbacks: UnsafePointer<nexus_callbacks> { UnsafePointer(reports.pointer) }

    private static let services = Table(
        nexus_host(
            abi_major: UInt16(NEXUS_ABI_MAJOR), abi_minor: UInt16(NEXUS_ABI_MINOR),
            struct_size: UInt32(MemoryLayout<nexus_host>.size), version: nexus_str(),
            http_start: { task, request, handlers, user, out in
                guard let out else { return NEXUS_INVALID }
                return FakeHost.start(task, request, handlers, user) { host, sent in
                    let state = host.exchanges[task]?.state ?? .over
                    let allowed = TaskCall.httpStart.status(in: state)
                    guard allowed == NEXUS_OK else { return allowed }
                    let open = host.requests.count { $0.task == task && !$0.isOver }
                    guard open < ABILimits.httpRequests else { return NEXUS_TOO_LARGE }
                    out.pointee = sent.handle
                    host.requests.append(sent)
                    return NEXUS_OK
                }
            },
            http_cancel: { handle in
                guard let host = FakeHost.current,
                    let request = host.requests.first(where: { $0.handle == handle && !$0.isOver })
                else { return NEXUS_STALE }
                host.later.append { if !request.isOver { request.end(NEXUS_HTTP_CANCELLED) } }
                return NEXUS_OK
            },
            exchange_begin: { task, head in
                guard let head = Versioned.read(head, minimum: Versioned.Minimum.responseHead) else {
                    return NEXUS_INVALID
                }
                return FakeHost.change(task, .begin) { exchange in
                    guard AnswerRules.isSuccess(head.status) else { return NEXUS_INVALID }
                    exchange.status = head.status
                    exchange.contentType = text(head.content_type)
                    exchange.warning = text(head.warning)
                    exchange.headers = PassedHeaders.ofServers.taken(head.headers, count: head.header_count)
                    return NEXUS_OK
                }
            },
            exchange_write: { task, bytes, length in
                guard bytes != nil || length == 0 else { return NEXUS_INVALID }
                guard AnswerRules.isWritable(length) else { return NEXUS_TOO_LARGE }
                return FakeHost.change(task, .write) { exchange in
                    exchange.written += UnsafeRawBufferPointer(start: bytes, count: length)
                    exchange.writes += 1
                    return NEXUS_OK
                }
            },
            exchange_finish: { task, outcome in
                FakeHost.change(task, .finish) { exchange in
                    exchange.outcome =
                        Versioned.read(outcome, minimum: Versioned.Minimum.outcome) ?? nexus_outcome()
                    return NEXUS_OK
                }
            },
            exchange_fail: { task, failure in
                guard let failure = Failure(failure) else { return NEXUS_INVALID }
                return FakeHost.change(task, .fail) { exchange in
                    exchange.failure = failure
                    return NEXUS_OK
                }
            },
            extension: { id in
                guard let id, String(cString: id) == NEXUS_ACTIONS else { return nil }
                return UnsafeRawPointer(FakeHost.actionServices.pointer)
            },
            timer_start: { task, milliseconds, function, user, out in
                guard let host = FakeHost.current, let function, let out,
                    milliseconds <= ABILimits.timerMilliseconds
                else { return NEXUS_INVALID }
                guard host.timers.count < ABILimits.timers else { return NEXUS_TOO_LARGE }
                host.nextHandle += 1
                out.pointee = host.nextHandle
                host.timers.append(
                    Timer(handle: host.nextHandle, milliseconds: milliseconds, function: function, user: user))
                return NEXUS_OK
            },
            timer_cancel: { handle in
                guard let host = FakeHost.current, let index = host.timers.firstIndex(where: { $0.handle == handle })
                else { return NEXUS_STALE }
                let timer = host.timers.remove(at: index)
                host.later.append { timer.function(timer.user, timer.handle, NEXUS_STALE) }
                return NEXUS_OK
            },
            run_blocking: { task, work, done, user in
                guard let host = FakeHost.current, let work, let done else { return NEXUS_INVALID }
                host.later.append {
                    work(user)
                    done(user, task, host.isLive(task) ? NEXUS_OK : NEXUS_STALE)
                }
                return NEXUS_OK
            }))

    private static let reports = Table(
        nexus_callbacks(
            struct_size: UInt32(MemoryLayout<nexus_callbacks>.size), reserved: 0,
            report_health: { health in
                guard let health = Versioned.read(health, minimum: Versioned.Minimum.health) else { return }
                FakeHost.current?.health.append(
                    Health(
                        status: health.status, message: text(health.message), server: text(health.server),
                        kinds: health.kinds))
            },
            report_models: { models, count in
                guard let models, let stride = Versioned.stride(models, minimum: Versioned.Minimum.model) else {
                    if count == 0 { FakeHost.current?.models.append([]) }
                    return
                }
                let reported = (0..<max(0, min(count, ABILimits.models))).compactMap {
                    Versioned.element(models, $0, stride: stride, minimum: Versioned.Minimum.model)
                }
                FakeHost.current?.models.append(
                    reported.map {
                        Model(
                            id: text($0.id), context: $0.context_length, capabilities: $0.capabilities,
                            lacks: $0.told & ~$0.capabilities, state: $0.state, loadedUntil: $0.loaded_until,
                            size: $0.size, memory: $0.memory,
                            deviceMemory: $0.device_memory, details: text($0.details))
                    })
            },
            log: { _, _, _ in },
            post: { task, function, user in
                guard let host = FakeHost.current, let function else { return NEXUS_INVALID }
                host.later.append { function(user, task, host.isLive(task) ? NEXUS_OK : NEXUS_STALE) }
                return NEXUS_OK
            },
            report_load: { load in
                guard let load = Versioned.read(load, minimum: Versioned.Minimum.load) else { return }
                FakeHost.current?.loads.append(
                    Load(slots: load.slots, running: load.running, waiting: load.waiting, cacheUse: load.cache_use))
            }))

    /// Answers the requests of actions: called inside the adapter's call of `http`, and must end the request.
    public var serveAction: (Request) -> Void = { $0.end(NEXUS_HTTP_REFUSED, "nothing listens there") }
    public private(set) var progress: [Progress] = []
    public private(set) var results: [String] = []
    public private(set) var errors: [Failure] = []
    /// Actions are told to return.
    public var isCancelled = false

    public struct Progress: Equatable {
        public var message: String
        public var done: UInt64
        public var total: UInt64

        public init(_ message: String, _ done: UInt64, _ total: UInt64) {
            self.message = message
            self.done = done
            self.total = total
        }
    }

    private static let actionServices = Table(
        nexus_action_host(
            struct_size: UInt32(MemoryLayout<nexus_action_host>.size), reserved: 0,
            progress: { _, progress in
                guard let host = FakeHost.current,
                    let progress = Versioned.read(progress, minimum: Versioned.Minimum.progress)
                else { return NEXUS_INVALID }
                host.progress.append(Progress(text(progress.message), progress.done, progress.total))
                return NEXUS_OK
            },
            result: { _, json, length in
                guard let host = FakeHost.current else { return NEXUS_INVALID }
                host.results.append(text(nexus_str(ptr: json, len: length)))
                return NEXUS_OK
            },
            error: { _, failure in
                guard let host = FakeHost.current, let failure = Failure(failure) else { return NEXUS_INVALID }
                host.errors.append(failure)
                return NEXUS_OK
            },
            check: { _ in FakeHost.current?.isCancelled == false ? NEXUS_OK : NEXUS_STALE },
            http: { task, request, handlers, user in
                FakeHost.start(task, request, handlers, user, hasExchange: false) { host, sent in
                    guard !host.isCancelled else { return NEXUS_STALE }
                    host.requests.append(sent)
                    host.serveAction(sent)
                    return NEXUS_OK
                }
            }))

    private static func change(
        _ task: UInt64, _ call: TaskCall, _ body: (inout Exchange) -> nexus_status
    ) -> nexus_status {
        guard let host = current, var exchange = host.exchanges[task] else { return NEXUS_STALE }
        let allowed = call.status(in: exchange.state)
        let status = allowed == NEXUS_OK ? body(&exchange) : allowed
        if status != NEXUS_OK { exchange.refused.append("\(call.rawValue): \(status)") }
        host.exchanges[task] = exchange
        return status
    }

    /// Checks an HTTP request as the gateway does, and gives it to `body`.
    private static func start(
        _ task: UInt64, _ request: UnsafePointer<nexus_http_request>?, _ handlers: UnsafePointer<nexus_http_handlers>?,
        _ user: UnsafeMutableRawPointer?, hasExchange: Bool = true, _ body: (FakeHost, Request) -> nexus_status
    ) -> nexus_status {
        guard let host = current, let request = Versioned.read(request, minimum: Versioned.Minimum.httpRequest),
            let handlers = Versioned.handlers(handlers)
        else { return NEXUS_INVALID }
        do throws(Refusal) {
            let checked = try HTTPRequestRules.check(request, hasExchange: hasExchange)
            host.nextHandle += 1
            return body(host, Request(checked, task: task, handle: host.nextHandle, handlers: handlers, user: user))
        } catch {
            host.refusals.append(error.reason)
            return error.status
        }
    }
}

private func text(_ borrowed: nexus_str) -> String { BorrowedText.string(borrowed, limit: .max) }

/// Valid as long as the array is not touched.
private func borrow(_ bytes: [UInt8]) -> nexus_str {
    bytes.withUnsafeBytes { nexus_str(ptr: $0.assumingMemoryBound(to: CChar.self).baseAddress, len: $0.count) }
}
