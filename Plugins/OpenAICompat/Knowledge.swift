/// What a server is and has, as far as it is known. It is asked once, and again after it was unhealthy or replaced.
struct Knowledge: Equatable {
    /// Probes in which the server is asked for what it has not shown.
    private static let rounds = 1

    /// What the server calls itself.
    private var server = ""
    /// Nil: not known; see `isFlavorAsked`.
    var flavor: Flavor?
    var isFlavorAsked = false
    /// `NEXUS_KIND_...` bits of what the server showed that it has.
    private(set) var shown: UInt32 = 0
    /// Likewise of what it said that it has not.
    private(set) var missing: UInt32 = 0
    private var round = 0
    /// The server's own paths that it does not have.
    var absent: Set<String> = []

    /// Paths of Anthropic's API that the server may show.
    var open: [Endpoint] {
        round < Self.rounds ? Endpoint.anthropic.filter { (shown | missing) & $0.kind == 0 } : []
    }

    /// The server gives this name. If it gave another one before, all that was known is forgotten.
    mutating func see(server: String) {
        if server != self.server { self = Knowledge() }
        self.server = server
    }

    mutating func note(_ endpoint: Endpoint) { shown |= endpoint.kind }

    /// - Parameter isComplete: all of the server's answers came.
    mutating func endRound(isComplete: Bool) { if isComplete { round += 1 } }

    /// An exchange was told that the server has no such path.
    mutating func forget(_ kind: UInt32) {
        missing |= kind
        shown &= ~kind
    }

    /// What the server is taken to have of what only some have.
    func kinds(_ flavor: Flavor?) -> UInt32 { ((flavor?.kinds ?? Endpoint.possible) | shown) & ~missing }
}
