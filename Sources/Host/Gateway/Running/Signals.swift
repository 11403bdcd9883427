import Glibc
import Synchronization

/// SIGTERM, SIGINT and SIGHUP as a stream. The handler does nothing but write a byte to a pipe, which is allowed in one
/// (signal-safety(7)); a thread reads the other end.
enum Signals {
    private static let pipeEnd = Atomic<CInt>(-1)

    /// One element per signal received. To be called once.
    static func received() -> AsyncStream<CInt> {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { return AsyncStream { $0.finish() } }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        pipeEnd.store(ends[1], ordering: .sequentiallyConsistent)
        var action = sigaction()
        action.__sigaction_handler.sa_handler = { number in
            var byte = UInt8(truncatingIfNeeded: number)
            let saved = errno
            _ = write(Signals.pipeEnd.load(ordering: .sequentiallyConsistent), &byte, 1)
            errno = saved
        }
        action.sa_flags = SA_RESTART
        sigaction(SIGTERM, &action, nil)
        sigaction(SIGINT, &action, nil)
        sigaction(SIGHUP, &action, nil)
        signal(SIGPIPE, SIG_IGN)
        let readEnd = ends[0]
        return AsyncStream { continuation in
            var thread = pthread_t()
            let box = Unmanaged.passRetained(Box(readEnd: readEnd, continuation: continuation))
            pthread_create(
                &thread, nil,
                { context in
                    guard let context else { return nil }
                    let box = Unmanaged<Box>.fromOpaque(context).takeRetainedValue()
                    var byte: UInt8 = 0
                    while read(box.readEnd, &byte, 1) == 1 { box.continuation.yield(CInt(byte)) }
                    return nil
                }, box.toOpaque())
        }
    }

    private final class Box: Sendable {
        let readEnd: CInt
        let continuation: AsyncStream<CInt>.Continuation
        init(readEnd: CInt, continuation: AsyncStream<CInt>.Continuation) {
            self.readEnd = readEnd
            self.continuation = continuation
        }
    }
}
