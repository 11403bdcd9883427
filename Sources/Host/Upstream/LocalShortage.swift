import Core
import Glibc
import NIOCore
import Shims
import Synchronization

/// When this process last had no descriptor or no memory for a connection: what fails for that says nothing of the server. A
/// thread with clocks of its own, a simulation's, has this of its own as well.
public enum LocalShortage {
    /// Monotonic nanoseconds; 0: never.
    private static let last = Atomic<UInt64>(0)

    /// Call it for every connection that could not be made.
    static func note(_ error: any Error) {
        guard isShortage((error as? IOError)?.errnoCode ?? 0) || hasNoDescriptors else { return }
        let now = Clock.monotonicNanoseconds()
        if let clock = nexus_thread_clock() {
            clock.pointee.shortage = now
        } else {
            last.store(now, ordering: .relaxed)
        }
    }

    public static func happened(since time: NIODeadline) -> Bool {
        (nexus_thread_clock()?.pointee.shortage ?? last.load(ordering: .relaxed)) >= max(1, time.uptimeNanoseconds)
    }

    /// Some errors do not say why: names are resolved, and files of certificates read, with descriptors too.
    private static var hasNoDescriptors: Bool {
        let copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0)
        guard copy < 0 else {
            close(copy)
            return false
        }
        // Nor is a limit below the least number that could be asked for any better.
        return isShortage(errno) || errno == EINVAL
    }

    private static func isShortage(_ code: CInt) -> Bool { [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(code) }
}
