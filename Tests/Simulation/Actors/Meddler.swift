import Core
import Glibc
import OpenAICompat
import PluginAPI

@testable import AdapterHost

/// Makes an adapter of a run misbehave: it stands between the real adapter and the host's table, and now and then calls what must not
/// be called any more. None of these calls may be taken.
final class Meddler {
    private let chaos: Chaos
    private let oracle: Oracle
    private let loop: VirtualLoop
    private let planted: PlantedFault?

    private var callbacks: [UnsafeMutableRawPointer: nexus_callbacks] = [:]

    /// From here on adapters on this thread are in its hands, until `end`.
    init(_ chaos: Chaos, _ oracle: Oracle, _ loop: VirtualLoop, planted: PlantedFault?) {
        self.chaos = chaos
        self.oracle = oracle
        self.loop = loop
        self.planted = planted
        pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
    }

    func end() { pthread_setspecific(Self.key, nil) }

    /// What a call that must not be taken is called with.
    private func stray(_ task: nexus_task, _ when: String) {
        let text = Array("data: stray\n\n".utf8CString)
        var head = nexus_response_head()
        head.struct_size = UInt32(MemoryLayout<nexus_response_head>.size)
        head.status = 200
        var failure = nexus_failure()
        failure.struct_size = UInt32(MemoryLayout<nexus_failure>.size)
        failure.kind = NEXUS_FAIL_UPSTREAM
        var timer: nexus_timer = 0
        let real = HostTable.pointer.pointee
        let calls: [(String, nexus_status)] = [
            ("exchange_begin", real.exchange_begin(task, &head)),
            ("exchange_write", real.exchange_write(task, text, text.count - 1)),
            ("exchange_finish", real.exchange_finish(task, nil)),
            ("exchange_fail", real.exchange_fail(task, &failure)),
            ("timer_start", real.timer_start(task, 1, { _, _, _ in }, nil, &timer)),
            ("run_blocking", real.run_blocking(task, { _ in }, { _, _, _ in }, nil)),
        ]
        for (name, status) in calls where status == NEXUS_OK || planted == .lateCallTaken {
            oracle.violation("rule 1: \(name) is taken \(when) the end of its exchange")
        }
    }

    fileprivate func ended(_ task: nexus_task) {
        guard chaos.strikes(.strayCalls) else { return }
        oracle.note("the adapter calls on behind the end of its exchange")
        stray(task, "right behind")
        // Another exchange may have begun by then; this is no call of an adapter at all.
        loop.after(40_000_000) { [self] in stray(task, "long after") }
    }

    // MARK: Reports of an instance that is gone

    private func created(_ instance: UnsafeMutableRawPointer, _ callbacks: nexus_callbacks) {
        self.callbacks[instance] = callbacks
    }

    private func destroyed(_ instance: UnsafeMutableRawPointer) {
        guard let callbacks = callbacks.removeValue(forKey: instance), chaos.strikes(.lateReports, tries: 4) else {
            return
        }
        // Perhaps another instance stands for the backend by then.
        loop.after(500_000_000) { [self] in report(callbacks) }
    }

    private func report(_ callbacks: nexus_callbacks) {
        guard let registry = oracle.world?.registry else { return }
        oracle.note("an instance that is gone reports")
        let before = registry.views
        var health = nexus_health()
        health.struct_size = UInt32(MemoryLayout<nexus_health>.size)
        health.status = NEXUS_UNHEALTHY
        callbacks.report_models(nil, 0)
        callbacks.report_health(&health)
        if planted == .lateReportTaken, let id = before.first?.id { registry.record([], of: id) }
        if registry.views != before {
            oracle.violation("rule 5: what an instance reports that is gone counts for its backend")
        }
        oracle.sometimes(.reportedLate)
    }

    // MARK: Per thread

    private static let key: pthread_key_t = {
        var key: pthread_key_t = 0
        pthread_key_create(&key, nil)
        return key
    }()

    fileprivate static var current: Meddler? {
        pthread_getspecific(key).map { Unmanaged<Meddler>.fromOpaque($0).takeUnretainedValue() }
    }

    // MARK: Tables

    /// Invariant behind the unchecked Sendable: written once, before the first use.
    private struct Tables: @unchecked Sendable {
        let host: UnsafeMutablePointer<nexus_host>
        let adapter: UnsafeMutablePointer<nexus_adapter>?
    }

    private static let tables: Tables = {
        let host = UnsafeMutablePointer<nexus_host>.allocate(capacity: 1)
        host.initialize(to: HostTable.pointer.pointee)
        host.pointee.exchange_finish = { task, outcome in
            let status = HostTable.pointer.pointee.exchange_finish(task, outcome)
            if status == NEXUS_OK { Meddler.current?.ended(task) }
            return status
        }
        host.pointee.exchange_fail = { task, failure in
            let status = HostTable.pointer.pointee.exchange_fail(task, failure)
            if status == NEXUS_OK { Meddler.current?.ended(task) }
            return status
        }
        guard let real = adapterEntry(UnsafePointer(host), nil) else { return Tables(host: host, adapter: nil) }
        let adapter = UnsafeMutablePointer<nexus_adapter>.allocate(capacity: 1)
        adapter.initialize(to: real.pointee)
        adapter.pointee.create = { config, _, callbacks, out, message in
            guard let create = Meddler.create else { return NEXUS_INVALID }
            let status = create(config, UnsafePointer(Meddler.tables.host), callbacks, out, message)
            if status == NEXUS_OK, let instance = out?.pointee, let callbacks = callbacks?.pointee {
                Meddler.current?.created(instance, callbacks)
            }
            return status
        }
        adapter.pointee.destroy = { instance in
            Meddler.destroy?(instance)
            if let instance { Meddler.current?.destroyed(instance) }
        }
        return Tables(host: host, adapter: adapter)
    }()

    private static let create = adapterEntry(HostTable.pointer, nil)?.pointee.create
    private static let destroy = adapterEntry(HostTable.pointer, nil)?.pointee.destroy

    /// The adapter's entry, with the meddler in between.
    static func entry(
        _ host: UnsafePointer<nexus_host>?, _ error: UnsafeMutablePointer<nexus_message>?
    ) -> UnsafePointer<nexus_adapter>? { tables.adapter.map { UnsafePointer($0) } }
}
