import AdapterHost
import NIOCore

/// Has the series know once a second what is in flight and what waits, and that the gateway runs.
enum SeriesSampling {
    static let interval = TimeAmount.seconds(1)

    /// Looks at regular times, away from the loop.
    static func start(_ state: GatewayState, on loop: any EventLoop) {
        loop.scheduleRepeatedTask(initialDelay: .zero, delay: interval) { _ in
            // Where there is no time for it now, there will be.
            _ = state.work.submit(size: 0) { state.sampleSeries() }
        }
    }
}
