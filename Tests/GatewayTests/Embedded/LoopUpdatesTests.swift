import Core
import NIOCore
import NIOEmbedded
import Testing

@testable import Gateway

/// Changes of the registry on their way to a loop.
@Suite struct LoopUpdatesTests {
    private let updates = LoopUpdates()

    /// A gateway whose only backend has come up, as subscribers have heard; its loop has not been visited yet.
    private func changed() -> (EmbeddedGateway, ScriptedDriver) {
        let gateway = EmbeddedGateway()
        updates.join(gateway.loop)
        let driver = ScriptedDriver(kinds: [])
        let identity = BackendIdentity(
            id: "one", name: "one", url: "", backendType: "t", priority: 1, maxConcurrent: nil)
        _ = gateway.state.registry.add(identity, driver: driver)
        gateway.state.registry.record([Model(id: "m")], of: "one")
        gateway.state.registry.record(HealthReport(outcome: .healthy), of: "one", now: 1)
        updates.send()
        return (gateway, driver)
    }

    @Test func aRequestThatComesBeforeTheVisitSeesTheChange() throws {
        let (gateway, driver) = changed()
        let client = EmbeddedChannel(handler: ClientConnection(loop: gateway.loop), loop: gateway.eventLoop)
        client.allowOptionsWhenClosed = true
        try client.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        let body = #"{"model":"m"}"#

        client.pipeline.fireChannelRead(
            ByteBuffer(
                string: "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\n"
                    + "content-length: \(body.utf8.count)\r\n\r\n\(body)"))

        #expect(driver.attempts.count == 1)
        _ = try client.finish(acceptAlreadyClosed: true)
    }

    @Test func oneVisitBringsAllThatHappenedBefore() {
        let (gateway, _) = changed()
        updates.send()
        updates.send()

        #expect(gateway.loop.news.waits && gateway.loop.snapshot.backends.isEmpty)
        gateway.eventLoop.run()
        #expect(!gateway.loop.news.waits && gateway.loop.snapshot.backends.count == 1)
    }

    @Test func aChangeAfterAVisitBringsAnotherOne() {
        let (gateway, _) = changed()
        gateway.eventLoop.run()

        gateway.state.registry.remove(id: "one")
        updates.send()
        gateway.eventLoop.run()

        #expect(gateway.loop.snapshot.backends.isEmpty)
    }
}
