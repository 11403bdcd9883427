import Core
import NIOCore

/// What a connection holds of the memory of all, and how it is taken away where that is short.
extension ClientConnection {
    /// Bytes.
    var heldBytes: Int {
        requestMemory.bytes + aheadMemory.bytes + answerMemory.bytes + (service?.heldBytes ?? 0)
    }

    /// Others are refused for lack of memory: who holds some and does not move ends.
    func evictIfStill(now: NIODeadline) {
        guard heldBytes > 0 else { return }
        if unsent > 0, stall.isStalled(waiting: unsent, now: now, limit: WriteStall.shortLimit) { return close() }
        switch phase {
        case .head, .body: if receiving.isSlow(now: now) { refuse(.tooSlowForMemory) }
        case .skipping, .answering, .closing, .lingering, .handedOver: break
        }
    }

    /// It holds most, and there is no memory left.
    func reset() {
        switch phase {
        case .head, .body: refuse(.outOfMemory)
        case .answering:
            // The record says why; a client that takes nothing cannot be told.
            service?.end(with: .heldMost)
            if unsent > 0 { close() }
        case .skipping, .closing, .lingering, .handedOver: close()
        }
    }
}
