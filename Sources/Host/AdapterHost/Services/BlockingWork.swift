import NIOCore
import PluginAPI

/// `run_blocking`: threads for what an adapter cannot do without blocking.
enum BlockingWork {
    /// What crosses to another thread and back.
    ///
    /// Invariant behind the unchecked Sendable: the functions are C functions and `user` is the adapter's to guard; the
    /// header says on which thread each is called.
    struct Job: @unchecked Sendable {
        let task: nexus_task
        let work: @convention(c) (UnsafeMutableRawPointer?) -> Void
        let done: nexus_posted
        let user: UnsafeMutableRawPointer?
    }

    static func run(_ job: Job, for backend: AdapterBackend, on services: LoopServices) {
        let bound = NIOLoopBound(services, eventLoop: services.loop)
        let loop = services.loop
        // Always taken: how many functions of a backend may wait is bounded where they come in.
        _ = services.blocking.submit(size: 0) {
            backend.calling { job.work(job.user) }
            loop.execute {
                backend.posted(job.task, job.done, job.user, .blockingDone, on: bound.value)
                backend.use.endBlocking()
            }
        }
    }
}
