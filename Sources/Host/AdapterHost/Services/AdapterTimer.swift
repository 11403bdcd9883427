import NIOCore
import PluginAPI

/// A timer of a task. Its function is called exactly once, in a turn of the loop of its own. Lives on one event loop.
final class AdapterTimer {
    private let task: AdapterTask
    private let function: nexus_timer_end
    private let user: UnsafeMutableRawPointer?
    private(set) var handle: nexus_timer = 0
    private var scheduled: Scheduled<Void>?

    init(task: AdapterTask, function: @escaping nexus_timer_end, user: UnsafeMutableRawPointer?) {
        self.task = task
        self.function = function
        self.user = user
    }

    func isOf(_ ordinal: Int) -> Bool { task.backend.ordinal == ordinal }

    /// False if the table is full.
    func start(milliseconds: UInt32) -> Bool {
        handle = task.services.timers.insert(self, owner: task.backend.ordinal)
        guard handle != 0 else { return false }
        task.backend.pin()
        let timer = NIOLoopBound(self, eventLoop: task.services.loop)
        scheduled = task.services.loop.scheduleTask(in: .milliseconds(Int64(milliseconds))) {
            timer.value.end(NEXUS_OK)
        }
        return true
    }

    /// The function is called in a later turn of the loop, since a call of the adapter may be on the stack.
    func cancel() {
        guard let scheduled else { return }
        self.scheduled = nil
        scheduled.cancel()
        task.services.timers.remove(handle)
        let timer = NIOLoopBound(self, eventLoop: task.services.loop)
        task.services.loop.execute { timer.value.tell(NEXUS_STALE) }
    }

    private func end(_ status: nexus_status) {
        guard scheduled != nil else { return }
        scheduled = nil
        task.services.timers.remove(handle)
        tell(status)
    }

    private func tell(_ status: nexus_status) {
        task.ended(self)
        task.backend.calling(.timer, on: task.services) { function(user, handle, status) }
        task.backend.unpin()
    }
}
