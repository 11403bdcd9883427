import Core
import NIOCore
import Synchronization

/// Who a connection is from, as far as connections are counted: an IPv4 address, or the network of an IPv6 one, of which one
/// customer has 2^64 addresses (RFC 6177).
struct ClientNetwork: Hashable, Sendable {
    private let high: UInt64
    private let low: UInt64
    let isLoopback: Bool

    /// Nil: it has no address of these kinds.
    init?(_ address: SocketAddress?) {
        guard let address else { return nil }
        let bytes: [UInt8]
        switch address {
        case .v4(let address):
            bytes = withUnsafeBytes(of: address.address.sin_addr) { Array($0) }
        case .v6(let address):
            let all = withUnsafeBytes(of: address.address.sin6_addr) { Array($0) }
            // ::ffff:a.b.c.d is the IPv4 address (RFC 4291, section 2.5.5.2).
            let isMapped = all[..<10].allSatisfy { $0 == 0 } && all[10] == 0xFF && all[11] == 0xFF
            bytes = isMapped ? Array(all[12...]) : Array(all[..<8])
        case .unixDomainSocket: return nil
        }
        let value = bytes.reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        (high, low) = bytes.count == 4 ? (0, value) : (1, value)
        isLoopback = address.isLoopback
    }
}

/// How many connections each client has, all event loops together. Bounded by how many there are. Callable from any thread.
final class AddressPlaces: Sendable {
    private let counts = Mutex<[ClientNetwork: Int]>([:])

    /// One more connection, which counts until the place is given up.
    /// - Returns: nil where it is not known from where it comes.
    func enter(_ address: SocketAddress?) -> AddressPlace? {
        guard let network = ClientNetwork(address) else { return nil }
        let count = counts.withLock { counts in
            let count = (counts[network] ?? 0) + 1
            counts[network] = count
            return count
        }
        return AddressPlace(network: network, count: count, all: self)
    }

    /// Clients that have connections.
    var clients: Int { counts.withLock { $0.count } }

    fileprivate func leave(_ network: ClientNetwork) {
        counts.withLock { counts in
            let count = (counts[network] ?? 0) - 1
            counts[network] = count > 0 ? count : nil
        }
    }
}

/// The place of one connection among those of its client; given back when the last reference goes.
final class AddressPlace: Sendable {
    let network: ClientNetwork
    /// With how many the client came to be, at its entry.
    let count: Int
    private let all: AddressPlaces

    fileprivate init(network: ClientNetwork, count: Int, all: AddressPlaces) {
        (self.network, self.count, self.all) = (network, count, all)
    }

    deinit { all.leave(network) }
}

/// How many connections one client may have. Pure.
struct AddressLimit: Sendable, Equatable {
    /// Beyond the limit so many are accepted to be told why they are refused.
    static let told = 8

    /// As configured: 0: no limit; nil: half of all, for other machines.
    let configured: Int?

    enum Verdict: Equatable { case welcome, told, closed }

    /// - Parameters:
    ///   - count: with this one.
    ///   - all: connections that all clients together may have.
    func verdict(count: Int, isLoopback: Bool, all: Int) -> Verdict {
        guard let limit = limit(isLoopback: isLoopback, all: all), count > limit else { return .welcome }
        return count - limit <= Self.told ? .told : .closed
    }

    /// Nil: there is none. What comes from this machine may be a proxy's.
    func limit(isLoopback: Bool, all: Int) -> Int? {
        guard let configured else { return isLoopback ? nil : max(8, all / 2) }
        return configured == 0 ? nil : configured
    }
}
