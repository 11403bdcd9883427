import Core
import Testing

@testable import Gateway

/// Many connections of one client.
@Suite struct CrowdTests {
    private let gateway = EmbeddedGateway { $0.server.maxConnectionsPerAddress = 2 }

    init() { gateway.add() }

    /// A client whose request is under way.
    private func busy() throws -> EmbeddedClient {
        let client = try gateway.client()
        try client.ask()
        return client
    }

    @Test func anIdleConnectionOfTheSameClientMakesRoom() throws {
        let idle = try gateway.client()
        let other = try busy()

        let third = try busy()

        #expect(!idle.channel.isActive && other.channel.isActive)
        #expect(try third.status() == nil, "its request is under way")
        #expect(gateway.inFlight() == 2)
    }

    @Test func whereNoneIsIdleTheNextOneIsTold() throws {
        let underWay = [try busy(), try busy()]

        let third = try busy()

        #expect(try third.status() == 429)
        #expect(gateway.inFlight() == 2)
        withExtendedLifetime(underWay) {}
    }

    @Test func beyondAFewTheyAreClosedAtOnce() throws {
        let underWay = [try busy(), try busy()]
        let told = try (0..<AddressLimit.told).map { _ in try gateway.client() }

        let next = try gateway.client()

        #expect(told.allSatisfy { $0.channel.isActive } && !next.channel.isActive)
        withExtendedLifetime(underWay) {}
    }

    @Test func thoseThatAreToldGiveWayThemselves() throws {
        let underWay = [try busy(), try busy()]
        let told = try gateway.client()
        gateway.advance(.seconds(4))

        #expect(!told.channel.isActive, "it says nothing")
        withExtendedLifetime(underWay) {}
    }

    @Test func aConnectionThatEndsCountsNoMore() throws {
        let clients = [try busy(), try busy()]
        for client in clients { try client.leave() }

        let next = [try busy(), try busy()]

        #expect(gateway.inFlight() == 2 && gateway.state.addresses.clients == 1)
        withExtendedLifetime(next) {}
    }
}
