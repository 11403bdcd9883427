import AdapterHost
import NIOCore

/// Has routing know how often attempts have failed of late.
enum QualityWatch {
    static let interval = TimeAmount.seconds(5)

    /// Looks at regular times, away from the loop.
    static func start(_ state: GatewayState, on loop: any EventLoop) {
        loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            // Where there is no time for it now, there will be.
            _ = state.work.submit(size: 0) { state.noteQuality() }
        }
    }
}
