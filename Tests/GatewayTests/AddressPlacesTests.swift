import NIOCore
import Testing

@testable import Gateway

@Suite struct AddressPlacesTests {
    private func address(_ text: String) throws -> SocketAddress { try SocketAddress(ipAddress: text, port: 1) }

    @Test func connectionsOfOneAddressCountTogether() throws {
        let places = AddressPlaces()
        let first = places.enter(try address("192.0.2.1"))
        let second = places.enter(try address("192.0.2.1"))
        let other = places.enter(try address("192.0.2.2"))

        #expect([first?.count, second?.count, other?.count] == [1, 2, 1])
    }

    @Test func aPlaceIsGivenBackWithItsConnection() throws {
        let places = AddressPlaces()
        var place = places.enter(try address("192.0.2.1"))
        #expect(place?.count == 1)
        place = nil

        #expect(places.clients == 0)
        place = places.enter(try address("192.0.2.1"))
        #expect(place?.count == 1)
    }

    @Test(arguments: [
        ("2001:db8::1", "2001:db8::ffff:1", true), ("2001:db8::1", "2001:db8:0:1::1", false),
        ("::ffff:192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false),
    ])
    func aClientIsAnAddressOrANetwork(one: String, other: String, same: Bool) throws {
        #expect((ClientNetwork(try address(one)) == ClientNetwork(try address(other))) == same)
    }

    @Test func whatHasNoAddressIsNotCounted() throws {
        #expect(AddressPlaces().enter(try SocketAddress(unixDomainSocketPath: "/tmp/x")) == nil)
        #expect(AddressPlaces().enter(nil) == nil)
    }

    @Test func otherMachinesHaveHalfByDefault() {
        let limit = AddressLimit(configured: nil)

        #expect(limit.verdict(count: 500, isLoopback: false, all: 1000) == .welcome)
        #expect(limit.verdict(count: 501, isLoopback: false, all: 1000) == .told)
        #expect(limit.verdict(count: 508, isLoopback: false, all: 1000) == .told)
        #expect(limit.verdict(count: 509, isLoopback: false, all: 1000) == .closed)
        #expect(limit.verdict(count: 1000, isLoopback: true, all: 1000) == .welcome)
    }

    @Test func whatIsConfiguredHoldsForAll() {
        #expect(AddressLimit(configured: 2).verdict(count: 3, isLoopback: true, all: 1000) == .told)
        #expect(AddressLimit(configured: 0).verdict(count: 1000, isLoopback: false, all: 10) == .welcome)
    }
}
