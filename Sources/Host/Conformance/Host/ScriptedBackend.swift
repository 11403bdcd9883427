import Adapters
import Glibc
import PluginAPI
import Synchronization

/// What an adapter reported for one backend, byte for byte. From any thread.
final class ReportLog: Sendable {
    struct Model: Equatable {
        var id: [UInt8]
        var name: [UInt8]
        var context: UInt64
        var maxOutput: UInt64
        var text: String { String(decoding: id, as: UTF8.self) }
    }

    struct Health: Equatable {
        var status: UInt32
        var latency: Double
        var message: [UInt8]
        var server: [UInt8]
        /// Lists of models that were reported before it.
        var modelsBefore: Int
        var text: String { String(decoding: message, as: UTF8.self) }
    }

    struct Content {
        var health: [Health] = []
        var models: [[Model]] = []
        var lines: [[UInt8]] = []
        var isRevoked = false
        /// The probe that the first report of health ends.
        var probe: (task: nexus_task, reports: Int)?
    }

    private let content = Mutex(Content())
    let breaches: Breaches

    init(breaches: Breaches) { self.breaches = breaches }

    var now: Content { content.withLock { $0 } }

    func clear() { content.withLock { $0 = Content() } }

    func revoke() { content.withLock { $0.isRevoked = true } }

    func beginProbe(_ task: nexus_task) { content.withLock { $0.probe = (task, 0) } }

    /// False, and noted, after `destroy`.
    private func change(_ call: String, _ body: (inout Content) -> Void) -> Bool {
        let isRevoked = content.withLock { content in
            if !content.isRevoked { body(&content) }
            return content.isRevoked
        }
        if isRevoked { breaches.record(.lateCallback, "\(call) after destroy") }
        return !isRevoked
    }

    func received(_ pointer: UnsafePointer<nexus_health>?) {
        guard let health = Versioned.read(pointer, minimum: Versioned.Minimum.health),
            let message = Text.copy(health.message), let server = Text.copy(health.server)
        else { return breaches.record(.badArgument, "report_health: struct_size, or a length without data") }
        var ended: nexus_task?
        var isSecond = false
        _ = change("report_health") { content in
            content.health.append(
                Health(
                    status: health.status, latency: health.latency_ms, message: message, server: server,
                    modelsBefore: content.models.count))
            guard let probe = content.probe else { return }
            content.probe = (probe.task, probe.reports + 1)
            if probe.reports == 0 { ended = probe.task } else { isSecond = true }
        }
        if isSecond { breaches.record(.healthTwice, "health was reported twice for one probe") }
        guard let ended else { return }
        _ = Inbox.owning(ended)?.push { loop in
            if let task = loop.task(ended) { loop.retire(task, by: .adapter) }
        }
    }

    func received(_ first: UnsafePointer<nexus_model>?, _ count: Int) {
        guard count >= 0, count == 0 || first != nil else {
            return breaches.record(.badArgument, "report_models: NULL with a count")
        }
        var models: [Model] = []
        if let first, count > 0 {
            guard let stride = Versioned.stride(first, minimum: Versioned.Minimum.model) else {
                return breaches.record(.badArgument, "report_models: struct_size of the first model")
            }
            for index in 0..<count {
                guard
                    let model: nexus_model = Versioned.element(
                        first, index, stride: stride, minimum: Versioned.Minimum.model),
                    let id = Text.copy(model.id), let name = Text.copy(model.name)
                else { return breaches.record(.badArgument, "report_models: struct_size or id of model \(index)") }
                models.append(
                    Model(id: id, name: name, context: model.context_length, maxOutput: model.max_output_tokens))
            }
        }
        _ = change("report_models") { $0.models.append(models) }
    }

    func received(line: nexus_str) {
        guard let text = Text.copy(line) else { return breaches.record(.badArgument, "log: a length without data") }
        _ = change("log") { if $0.lines.count < 10_000 { $0.lines.append(text) } }
    }

    func posted(_ task: nexus_task, _ function: nexus_posted?, _ user: UnsafeMutableRawPointer?) -> nexus_status {
        guard let function else {
            breaches.record(.badArgument, "post: function is NULL")
            return NEXUS_INVALID
        }
        guard change("post", { _ in }), let inbox = Inbox.owning(task) else { return NEXUS_STALE }
        let crossing = Posted(function: function, user: user)
        return inbox.push { $0.posted(task, crossing.function, crossing.user) } ? NEXUS_OK : NEXUS_STALE
    }

    /// Invariant behind the unchecked Sendable: a C function and a context that the adapter guards.
    private struct Posted: @unchecked Sendable {
        let function: nexus_posted
        let user: UnsafeMutableRawPointer?
    }
}

enum Text {
    /// Nil for a length without data or one that no memory has.
    static func copy(_ text: nexus_str) -> [UInt8]? { BorrowedText.bytes(text).map { Array($0) } }
}

/// The callbacks of one backend: C functions that carry its log. Made by libffi and never freed, so they are used again.
final class BoundLog {
    let log: ReportLog
    private let table: UnsafeMutablePointer<nexus_callbacks>

    init(breaches: Breaches) throws {
        log = ReportLog(breaches: breaches)
        table = .allocate(capacity: 1)
        table.initialize(to: nexus_callbacks())
        let context = Unmanaged.passRetained(log).toOpaque()
        guard
            let health = Closure.make(
                Signature.health, context,
                { _, _, arguments, context in
                    guard let arguments, let log = BoundLog.log(context) else { return }
                    log.received(Closure.argument(arguments, 0, as: UnsafePointer<nexus_health>?.self))
                }),
            let models = Closure.make(
                Signature.models, context,
                { _, _, arguments, context in
                    guard let arguments, let log = BoundLog.log(context) else { return }
                    log.received(
                        Closure.argument(arguments, 0, as: UnsafePointer<nexus_model>?.self),
                        Closure.argument(arguments, 1, as: Int.self))
                }),
            let line = Closure.make(
                Signature.log, context,
                { _, _, arguments, context in
                    guard let arguments, let log = BoundLog.log(context) else { return }
                    log.received(
                        line: nexus_str(
                            ptr: Closure.argument(arguments, 1, as: UnsafePointer<CChar>?.self),
                            len: Closure.argument(arguments, 2, as: Int.self)))
                }),
            let post = Closure.make(
                Signature.post, context,
                { _, result, arguments, context in
                    guard let arguments, let log = BoundLog.log(context) else { return }
                    Closure.give(
                        log.posted(
                            Closure.argument(arguments, 0, as: UInt64.self),
                            Closure.argument(arguments, 1, as: nexus_posted?.self),
                            Closure.argument(arguments, 2, as: UnsafeMutableRawPointer?.self)), result)
                })
        else { throw CheckStop.failed("libffi has no memory for callbacks") }
        table.pointee.struct_size = UInt32(MemoryLayout<nexus_callbacks>.size)
        table.pointee.report_health = unsafeBitCast(
            health, to: (@convention(c) (UnsafePointer<nexus_health>?) -> Void).self)
        table.pointee.report_models = unsafeBitCast(
            models, to: (@convention(c) (UnsafePointer<nexus_model>?, Int) -> Void).self)
        table.pointee.log = unsafeBitCast(line, to: (@convention(c) (UInt32, UnsafePointer<CChar>?, Int) -> Void).self)
        table.pointee.post = unsafeBitCast(
            post, to: (@convention(c) (nexus_task, nexus_posted?, UnsafeMutableRawPointer?) -> nexus_status).self)
    }

    var pointer: UnsafePointer<nexus_callbacks> { UnsafePointer(table) }

    private static func log(_ context: UnsafeMutableRawPointer?) -> ReportLog? {
        context.map { Unmanaged<ReportLog>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// An instance of the adapter under check.
///
/// Invariant behind the unchecked Sendable: `instance` changes only while no task lives, and the adapter promises to take
/// calls for different tasks on different threads.
final class ScriptedBackend: @unchecked Sendable {
    let functions: AdapterFunctions
    let log: ReportLog
    private(set) var instance: UnsafeMutableRawPointer?

    init(_ functions: AdapterFunctions, log: ReportLog, instance: UnsafeMutableRawPointer) {
        self.functions = functions
        self.log = log
        self.instance = instance
    }

    func cancel(_ task: nexus_task) { functions.cancel?(instance, task) }

    /// As the host does: the callbacks are revoked, and the last functions that were posted are called, before. To be
    /// called once.
    /// - Parameter loops: those that the instance's tasks were on, unless they are gone.
    func destroy(after loops: ScriptedLoop...) {
        log.revoke()
        for loop in loops { loop.close() }
        functions.destroy(instance)
        instance = nil
    }

    // MARK: Calls on a loop

    /// Begins a probe.
    func probe(on loop: ScriptedLoop, timeout: UInt64 = 5000) -> ScriptedTask {
        let task = loop.begin(.probe, self, timeout: timeout)
        log.beginProbe(task.handle)
        loop.inside { functions.probe(instance, task.handle) }
        return task
    }

    /// Begins an exchange.
    /// - Parameter scribbling: what the request lends is overwritten after the call.
    func submit(_ ask: Ask, on loop: ScriptedLoop, scribbling: Bool = false) -> ScriptedTask {
        let body = Array(ask.body.utf8)
        let task = loop.begin(.exchange, self, timeout: ask.timeout, requestBody: body)
        let texts = [Array(ask.model.utf8), body, Array(ask.id.utf8)].map(Lending.keep)
        var request = nexus_request(
            struct_size: UInt32(MemoryLayout<nexus_request>.size), kind: ask.kind, flags: ask.flags, reserved: 0,
            model: texts[0], body: texts[1], request_id: texts[2])
        task.submitStatus = loop.inside { functions.submit(instance, task.handle, &request) }
        for text in texts { Lending.release(text, scribbling: scribbling) }
        if task.submitStatus != NEXUS_OK { loop.retire(task, by: .refused) }
        return task
    }
}

/// A client's request.
struct Ask {
    var kind: UInt32 = NEXUS_KIND_CHAT
    var flags: UInt32 = 0
    var model = "check-model"
    var body = ""
    var id = "0123456789abcdef"
    /// Milliseconds of the loop's clock.
    var timeout: UInt64 = 600_000

    var isStream: Bool { flags & NEXUS_REQUEST_STREAM != 0 }
}
