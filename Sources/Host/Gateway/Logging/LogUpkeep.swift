import NIOCore

/// Has the log say now and then what it has held back.
enum LogUpkeep {
    private static let interval = TimeAmount.seconds(5)

    static func start(on loop: any EventLoop) {
        loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in GatewayLog.tellRepeats() }
    }
}
