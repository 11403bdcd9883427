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
    /// Set before the first call.
    var older = OlderHost.no

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
        let fields = ask.headers.map {
            nexus_header(name: Lending.keep(Array($0.name.utf8)), value: Lending.keep(Array($0.value.utf8)))
        }
        let lent = texts + fields.flatMap { [$0.name, $0.value] }
        task.submitStatus = fields.withUnsafeBufferPointer { fields in
            var request = nexus_request()
            request.kind = ask.kind
            request.flags = ask.flags
            (request.model, request.body, request.request_id) = (texts[0], texts[1], texts[2])
            (request.path, request.content_type) = (texts[3], texts[4])
            request.deadline_ms = ask.deadline
            request.headers = fields.baseAddress
            request.header_count = fields.count
            return loop.inside {
                older.withSize(&request, first: OlderHost.request) { functions.submit(instance, task.handle, $0) }
            }
        }
        for text in lent { Lending.release(text, scribbling: scribbling) }
        if task.submitStatus != NEXUS_OK { loop.retire(task, by: .refused) }
        return task
    }
}
