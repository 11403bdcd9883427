import Core
import NIOCore
import PluginAPI
import Synchronization

/// How a backend is probed.
extension AdapterBackend {
    /// Begins a probe on the calling loop, unless one is under way. `ended` is called once on that loop.
    public func probe(on loop: any EventLoop, timeout: TimeAmount, ended: @escaping () -> Void) {
        guard let services = LoopServices.current, services.loop === loop else { return ended() }
        guard isProbing.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else {
            ended()
            return
        }
        guard taskBegins(),
            let task = AdapterTask(.probe, backend: self, services: services, deadline: services.loop.now + timeout)
        else {
            taskEnded()
            isProbing.store(false, ordering: .relaxed)
            ended()
            return
        }
        let bound = NIOLoopBound((task, ended), eventLoop: loop)
        reports.beginProbe(now: loop.now, timeout: timeout) {
            // Reports come from any thread; the task ends on its own loop.
            loop.execute {
                let (task, ended) = bound.value
                if task.isLive { task.endedByAdapter() }
                task.backend.isProbing.store(false, ordering: .relaxed)
                ended()
            }
        }
        calling(.probe, on: services) { image.functions.probe(instance, task.handle) }
    }

    /// The host ends a probe in the adapter's place, unless the adapter has just done so itself.
    func probeExpired(_ message: String) {
        if reports.isProbing { reports.received(HealthReport(outcome: .unhealthy, message: message)) }
    }
}
