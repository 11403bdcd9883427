import AdapterHost
import Core
import NIOCore
import Shims

/// Gives memory back to the system in quiet moments: after a load the allocator keeps what was freed in small pieces.
final class MemoryUpkeep {
    static let interval = TimeAmount.seconds(5)
    /// Requests in an interval up to which there is little to do.
    private static let quiet: UInt64 = 100

    /// Fewer bytes than this are left alone.
    private static let growth = 4 * 1024 * 1024

    private let state: GatewayState
    private var atLook: UInt64 = 0
    private var atRelease: UInt64 = 0

    init(_ state: GatewayState) { self.state = state }

    /// Looks at regular times, on the loop.
    static func start(_ state: GatewayState, on loop: any EventLoop) {
        loop.execute {
            let upkeep = NIOLoopBound(MemoryUpkeep(state), eventLoop: loop)
            loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in upkeep.value.look() }
        }
    }

    private func look() {
        let total = state.figures.totals.total
        let isDue = Self.isDue(total: total, atLook: atLook, atRelease: atRelease)
        atLook = total
        guard isDue else { return }
        // It takes milliseconds, and is nothing for an event loop.
        if WorkPool.gateway.submit(size: 0, { _ = nexus_memory_release(Self.growth) }) { atRelease = total }
    }

    /// Whether there was something to do since memory was given back, and is little to do now.
    static func isDue(total: UInt64, atLook: UInt64, atRelease: UInt64) -> Bool {
        total > atRelease && total - atLook <= quiet
    }
}
