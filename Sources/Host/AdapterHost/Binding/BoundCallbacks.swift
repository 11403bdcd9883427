import ABIRules
import CLibFFI
import Core
import Glibc
import PluginAPI
import Synchronization

/// Who receives the reports of one backend. Called on any thread, without a lock held.
protocol ReportReceiver: AnyObject, Sendable {
    func received(_ report: HealthReport)
    func received(_ models: [Model], dropped: Int)
    func received(_ load: ServerLoad)
    func received(log text: String, level: UInt32)
    func received(posted function: @escaping nexus_posted, for task: nexus_task, user: UnsafeMutableRawPointer?)
        -> nexus_status
}

/// The callbacks of one backend: C functions without a context argument, made by libffi, each carrying the backend.
///
/// Revoking turns them into tombstones: a late call is counted and touches nothing. The closures' memory is never
/// freed, because a stray thread may keep the pointers. This costs about 300 bytes per backend.
///
/// Invariant behind the unchecked Sendable: `closures` and `table` are written in `init` only.
final class BoundCallbacks: @unchecked Sendable {
    private let receiver: Mutex<(any ReportReceiver)?>
    private let table: UnsafeMutablePointer<nexus_callbacks>
    /// Calls that are running now.
    private let inside = Atomic<Int>(0)
    private let revoked = Atomic<Bool>(false)
    /// Calls that came after the callbacks were revoked.
    private let late = Atomic<UInt64>(0)
    var lateCalls: UInt64 { late.load(ordering: .relaxed) }
    /// The backend's name, for the log line about late calls.
    private let name: String

    /// Nil if libffi has no memory for closures.
    init?(receiver: any ReportReceiver, name: String = "") {
        self.receiver = Mutex(receiver)
        self.name = name
        table = .allocate(capacity: 1)
        table.initialize(to: nexus_callbacks())
        // The closures keep this object alive; neither is ever freed.
        let context = Unmanaged.passRetained(self).toOpaque()
        guard
            let health = Closure.make(
                Signature.health, context,
                { _, _, arguments, context in
                    guard let arguments, let bound = BoundCallbacks.from(context) else { return }
                    bound.reportHealth(Closure.argument(arguments, 0, as: UnsafePointer<nexus_health>?.self))
                }),
            let models = Closure.make(
                Signature.models, context,
                { _, _, arguments, context in
                    guard let arguments, let bound = BoundCallbacks.from(context) else { return }
                    bound.reportModels(
                        Closure.argument(arguments, 0, as: UnsafePointer<nexus_model>?.self),
                        Closure.argument(arguments, 1, as: Int.self))
                }),
            let log = Closure.make(
                Signature.log, context,
                { _, _, arguments, context in
                    guard let arguments, let bound = BoundCallbacks.from(context) else { return }
                    bound.log(
                        Closure.argument(arguments, 0, as: UInt32.self),
                        nexus_str(
                            ptr: Closure.argument(arguments, 1, as: UnsafePointer<CChar>?.self),
                            len: Closure.argument(arguments, 2, as: Int.self)))
                }),
            let post = Closure.make(
                Signature.post, context,
                { _, result, arguments, context in
                    guard let arguments, let bound = BoundCallbacks.from(context) else { return }
                    let status = bound.post(
                        Closure.argument(arguments, 0, as: UInt64.self),
                        Closure.argument(arguments, 1, as: nexus_posted?.self),
                        Closure.argument(arguments, 2, as: UnsafeMutableRawPointer?.self))
                    Closure.give(status, result)
                }),
            let load = Closure.make(
                Signature.load, context,
                { _, _, arguments, context in
                    guard let arguments, let bound = BoundCallbacks.from(context) else { return }
                    bound.reportLoad(Closure.argument(arguments, 0, as: UnsafePointer<nexus_load>?.self))
                })
        else { return nil }
        table.pointee.struct_size = UInt32(MemoryLayout<nexus_callbacks>.size)
        table.pointee.report_health = unsafeBitCast(
            health, to: (@convention(c) (UnsafePointer<nexus_health>?) -> Void).self)
        table.pointee.report_models = unsafeBitCast(
            models, to: (@convention(c) (UnsafePointer<nexus_model>?, Int) -> Void).self)
        table.pointee.log = unsafeBitCast(
            log, to: (@convention(c) (UInt32, UnsafePointer<CChar>?, Int) -> Void).self)
        table.pointee.post = unsafeBitCast(
            post,
            to: (@convention(c) (nexus_task, nexus_posted?, UnsafeMutableRawPointer?) -> nexus_status).self)
        table.pointee.report_load = unsafeBitCast(
            load, to: (@convention(c) (UnsafePointer<nexus_load>?) -> Void).self)
    }

    /// What the adapter gets. Lives as long as the process.
    var pointer: UnsafePointer<nexus_callbacks> { UnsafePointer(table) }

    /// After this returns no report reaches the receiver any more. Waits for calls that are running; must not be called
    /// from inside one.
    func revoke() {
        revoked.store(true, ordering: .sequentiallyConsistent)
        while inside.load(ordering: .sequentiallyConsistent) > 0 { sched_yield() }
        receiver.withLock { $0 = nil }
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> BoundCallbacks? {
        context.map { Unmanaged<BoundCallbacks>.fromOpaque($0).takeUnretainedValue() }
    }

    /// Nil, and counted, if the callbacks are revoked.
    private func withReceiver<Result>(_ call: StaticString, _ body: (any ReportReceiver) -> Result) -> Result? {
        inside.add(1, ordering: .sequentiallyConsistent)
        defer { inside.subtract(1, ordering: .sequentiallyConsistent) }
        guard !revoked.load(ordering: .sequentiallyConsistent), let receiver = receiver.withLock({ $0 }) else {
            late.add(1, ordering: .relaxed)
            Misuse.lateCallback.record("\(call)", of: name)
            return nil
        }
        return HostCode.run { body(receiver) }
    }

    private func reportHealth(_ health: UnsafePointer<nexus_health>?) {
        guard let health = Versioned.read(health, minimum: Versioned.Minimum.health) else {
            return Misuse.badArgument.record("report_health", of: name)
        }
        _ = withReceiver("report_health") { $0.received(ReportCleaning.health(health)) }
    }

    private func post(
        _ task: nexus_task, _ function: nexus_posted?, _ user: UnsafeMutableRawPointer?
    ) -> nexus_status {
        guard let function else { return NEXUS_INVALID }
        return withReceiver("post") { $0.received(posted: function, for: task, user: user) } ?? NEXUS_STALE
    }

    private func reportModels(_ models: UnsafePointer<nexus_model>?, _ count: Int) {
        _ = withReceiver("report_models") { receiver in
            let cleaned = ReportCleaning.models(models, count: count)
            receiver.received(cleaned.models, dropped: cleaned.dropped)
        }
    }

    private func reportLoad(_ load: UnsafePointer<nexus_load>?) {
        guard let load = Versioned.read(load, minimum: Versioned.Minimum.load) else {
            return Misuse.badArgument.record("report_load", of: name)
        }
        _ = withReceiver("report_load") { $0.received(ReportCleaning.load(load)) }
    }

    private func log(_ level: UInt32, _ text: nexus_str) {
        _ = withReceiver("log") {
            $0.received(log: BorrowedText.line(text, limit: ABILimits.message), level: level)
        }
    }
}
