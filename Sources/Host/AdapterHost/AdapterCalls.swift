import Core
import NIOCore
import PluginAPI
import Shims

/// Every call of the adapter goes through these, so that the report of a crash or a stall names the adapter.
extension AdapterBackend {
    /// Calls the adapter on a loop, in sight of the watchdog.
    @inline(__always)
    func calling<Result>(_ call: AdapterCall, on services: LoopServices, _ body: () -> Result) -> Result {
        services.callSequence &+= 1
        let outer = services.activity.enter(call, ordinal: ordinal, sequence: services.callSequence)
        let note = nexus_note_swap(note)
        let caller = services.caller
        services.caller = ordinal
        defer {
            services.activity.leave(outer)
            nexus_note_swap(note)
            services.caller = caller
        }
        return body()
    }

    /// Calls the adapter on a thread that may block.
    func calling<Result>(_ body: () -> Result) -> Result {
        let before = nexus_note_swap(note)
        defer { nexus_note_swap(before) }
        return body()
    }

    // MARK: Posts

    /// Calls a function of the adapter on the loop of a task. On any thread.
    func post(
        _ function: @escaping nexus_posted, for task: nexus_task, user: UnsafeMutableRawPointer?
    ) -> nexus_status {
        guard let services = LoopServices.owning(task) else { return NEXUS_STALE }
        guard use.beginPost() else { return NEXUS_TOO_LARGE }
        let crossing = Posted(function: function, user: user)
        services.eventLoop.execute { [self] in
            posted(task, crossing.function, crossing.user, .posted, on: services.value)
            use.endPost()
        }
        return NEXUS_OK
    }

    /// Calls a function that was to be called on the task's loop.
    func posted(
        _ task: nexus_task, _ function: nexus_posted, _ user: UnsafeMutableRawPointer?, _ call: AdapterCall,
        on services: LoopServices
    ) {
        let status = services.tasks[task]?.backend === self ? NEXUS_OK : NEXUS_STALE
        calling(call, on: services) { function(user, task, status) }
    }

    /// Invariant behind the unchecked Sendable: a C function and its context, which the adapter guards.
    private struct Posted: @unchecked Sendable {
        let function: nexus_posted
        let user: UnsafeMutableRawPointer?
    }
}
