import Core
import NIOCore

/// How a backend's instance ends: nothing new begins, what is under way ends, then it is destroyed.
extension AdapterBackend {
    /// Closes what one loop has open to the server. On that loop.
    public func closeConnections(on loop: any EventLoop) {
        if let services = LoopServices.current, services.loop === loop { services.closePool(of: self) }
    }

    /// Ends what one loop has under way at the server, and closes its connections. On that loop.
    public func abandon(on loop: any EventLoop, reason: String) {
        if let services = LoopServices.current, services.loop === loop { services.abandon(self, reason: reason) }
    }

    /// Ends the instance once all that is under way has ended: retires, revokes the callbacks, destroys. Returns when it is
    /// destroyed. It may be called again, and on any thread: there is one end, and each caller waits for it.
    public func end() async {
        await ending.withLock { ending in
            let one = ending ?? Task { await self.reachEnd() }
            ending = one
            return one
        }.value
    }

    private func reachEnd() async {
        EndingInstances.add(self)
        defer { EndingInstances.remove(self) }
        retire()
        // Posts are not waited for here: a thread that never stops posting would hold this up.
        await use.untilUnpinned()
        // What was posted until now is still called; after this nothing is posted.
        revokeCallbacks()
        await use.untilPostsAreCalled()
        LoopServices.forget(self)
        await withCheckedContinuation { continuation in
            DetachedThread.run("destroy") { [self] in
                destroy()
                continuation.resume()
            }
        }
    }

    /// Nothing that `end` waits for is under way, for a simulation.
    package var isIdle: Bool { use.isOver }

    /// The same at once, on the thread of the only loop, for a simulation. False, and nothing is destroyed, if something is under
    /// way.
    package func endNow(services: LoopServices) -> Bool {
        retire()
        services.closePool(of: self)
        guard use.isOver else { return false }
        revokeCallbacks()
        destroy()
        return true
    }
}
