import AdapterHost
import PluginAPI

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
        let texts = [ask.model.utf8, ask.body.utf8, ask.id.utf8, ask.path.utf8, "application/json".utf8]
            .map { Lending.keep(Array($0)) }
        var request = nexus_request(
            struct_size: UInt32(MemoryLayout<nexus_request>.size), kind: ask.kind, flags: ask.flags, reserved: 0,
            model: texts[0], body: texts[1], request_id: texts[2], path: texts[3],
            content_type: texts[4])
        task.submitStatus = loop.inside { functions.submit(instance, task.handle, &request) }
        for text in texts { Lending.release(text, scribbling: scribbling) }
        if task.submitStatus != NEXUS_OK { loop.retire(task, by: .refused) }
        return task
    }
}
