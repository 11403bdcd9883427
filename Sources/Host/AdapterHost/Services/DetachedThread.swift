import Glibc
import Shims

/// A thread for one piece of work that may block for as long as it takes: an adapter's code that no pool should wait for.
package enum DetachedThread {
    private final class Box {
        let name: String
        let body: @Sendable () -> Void
        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }

        func run() {
            nexus_name_thread(name)
            body()
        }
    }

    /// Bytes of its stack, whatever limit the process has. Enough for the deepest nesting that is allowed, many times over.
    private static let stack = 8 * 1024 * 1024

    /// Runs it on the calling thread if the system has no thread left.
    /// - Parameter name: shown by the system's tools; at most 15 bytes count.
    package static func run(_ name: String, _ body: @escaping @Sendable () -> Void) {
        // Better here than not at all.
        if !start(name, body) { body() }
    }

    /// False if the system has no thread left; then `body` is not called.
    package static func start(_ name: String, _ body: @escaping @Sendable () -> Void) -> Bool {
        var thread = pthread_t()
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, stack)
        pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))
        let box = Unmanaged.passRetained(Box(name, body))
        let status = pthread_create(
            &thread, &attributes,
            { context in
                if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, box.toOpaque())
        pthread_attr_destroy(&attributes)
        if status != 0 { box.release() }
        return status == 0
    }
}
