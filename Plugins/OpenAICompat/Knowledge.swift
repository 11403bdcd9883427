/// What a server was found to be and to have. It is asked once, and again when it was ill or is another.
struct Knowledge: Equatable {
    /// Probes in which what did not answer is asked again.
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

    /// To be asked whether the server has them.
    var open: [Endpoint] { round < Self.rounds ? Endpoint.optional.filter { answered & $0.kind == 0 } : [] }

    /// The server is seen under this name; nothing is known any more if it was another.
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
