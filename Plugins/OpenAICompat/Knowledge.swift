/// What a server is and has, as far as it is known. It is asked once, and again after it was unhealthy or replaced.
struct Knowledge: Equatable {
    /// For so many probes, what did not answer is asked again.
    private static let rounds = 3

    /// What the server calls itself.
    private var server = ""
    /// Nil: not known; see `isFlavorAsked`.
    var flavor: Flavor?
    var isFlavorAsked = false
    /// Of the optional endpoints, `NEXUS_KIND_...` bits of those that are there.
    private(set) var kinds: UInt32 = 0
    /// Bits of those that answered at all.
    private(set) var answered: UInt32 = 0
    private var round = 0
    /// The server's own paths that it does not have.
    var absent: Set<String> = []

    /// The server is asked whether it has these.
    var open: [Endpoint] { round < Self.rounds ? Endpoint.optional.filter { answered & $0.kind == 0 } : [] }

    /// The server gives this name. If it gave another one before, all that was known is forgotten.
    mutating func see(server: String) {
        if server != self.server { self = Knowledge() }
        self.server = server
    }

    mutating func note(_ endpoint: Endpoint, isThere: Bool) {
        answered |= endpoint.kind
        if isThere { kinds |= endpoint.kind }
    }

    mutating func endRound() { round += 1 }

    /// The server answered an exchange that it has no such path.
    mutating func forget(_ kind: UInt32) { kinds &= ~kind }
}
