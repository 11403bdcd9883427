import ABIRules
import AdapterHost
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
        var loads = 0
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

    func received(_ load: UnsafePointer<nexus_load>?) {
        guard Versioned.read(load, minimum: Versioned.Minimum.load) != nil else {
            return breaches.record(.badArgument, "report_load: NULL or struct_size")
        }
        _ = change("report_load") { $0.loads += 1 }
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
