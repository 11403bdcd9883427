import AdapterHost
import PluginAPI

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
                }),
            let load = Closure.make(
                Signature.load, context,
                { _, _, arguments, context in
                    guard let arguments, let log = BoundLog.log(context) else { return }
                    log.received(Closure.argument(arguments, 0, as: UnsafePointer<nexus_load>?.self))
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
        table.pointee.report_load = unsafeBitCast(
            load, to: (@convention(c) (UnsafePointer<nexus_load>?) -> Void).self)
    }

    var pointer: UnsafePointer<nexus_callbacks> { UnsafePointer(table) }

    private static func log(_ context: UnsafeMutableRawPointer?) -> ReportLog? {
        context.map { Unmanaged<ReportLog>.fromOpaque($0).takeUnretainedValue() }
    }
}
