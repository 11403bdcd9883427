import Core
import Dialects
import NIOCore
import Routing
import Synchronization
import Upstream

/// What one event loop has of its own: its snapshot of the registry, its router, its client connections. Everything here
/// happens on that loop.
final class LoopState {
    let eventLoop: any EventLoop
    let shared: GatewayState
    let index: Int
    /// The random numbers of this loop.
    private let random: SeededRandom
    /// Client connections that this loop may have.
    private let quota: ClientQuota
    private(set) var settings: LiveSettings
    /// Whose certificates make an operator (`ListenerTLS.Terms`); nil: nobody's.
    private(set) var authorities: UInt64?
    /// Of exchanges at once.
    private(set) var limits: ConcurrencyLimits
    var router: Router
    private(set) var snapshot: RegistrySnapshot
    private(set) var isDraining = false
    private(set) var connections = Roster<ClientConnection>()
    private(set) var sessions = Roster<WebSocketSession>()
    /// Has them served.
    let live: LiveRound
    /// Of changes that are on their way here.
    let news = LoopNews()
    private var identifiers: RequestIDs
    /// What this loop may retry, of the budget of all.
    var retries: RetryTally
    /// Before an attempt at another backend, at the most.
    private let longestPause: TimeAmount
    private var pauses: SeededRandom
    /// What models are drawn with that stand for a name by weight.
    private var lots: SeededRandom
    private var turns = SweepTurns()
    private var memoryWatch = MemoryWatch()
    /// At the last look.
    private(set) var memoryPressure = MemoryPressure.none
    /// Exchanges that have begun here.
    private var exchangeNumbers: UInt64 = 0
    private let page: Ledger.Page
    private var onEmpty: (() -> Void)?

    init(
        index: Int, eventLoop: any EventLoop, shared: GatewayState, quota: ClientQuota,
        longestRetryPause: TimeAmount = .milliseconds(20),
        random: SeededRandom = SeededRandom(seed: .random(in: .min ... .max))
    ) {
        longestPause = longestRetryPause
        pauses = random
        var seeds = random
        lots = SeededRandom(seed: seeds.next() ^ UInt64(index))
        retries = RetryTally(shared.retries)
        self.random = random
        self.quota = quota
        self.eventLoop = eventLoop
        self.shared = shared
        self.index = index
        settings = shared.settings
        authorities = shared.listener.terms?.authorities
        limits = shared.admission.limits
        page = shared.ledger.page()
        live = LiveRound(eventLoop: eventLoop, broadcaster: shared.broadcaster)
        router = Router(settings.routing, seed: UInt64(index), random: random)
        snapshot = shared.registry.snapshot
        identifiers = RequestIDs(random: random)
        shared.loops.add(self)
    }

    func startSweep() { sweep(after: SweepTurns.round) }

    private func sweep(after pause: TimeAmount) {
        let state = NIOLoopBound(self, eventLoop: eventLoop)
        eventLoop.scheduleTask(in: pause) { state.value.sweep(after: state.value.sweep()) }
    }

    /// Every round looks at the deadlines of exchanges, every fourth looks after connections, every twentieth after those that are idle.
    /// - Returns: when there is the next turn.
    private func sweep() -> TimeAmount {
        let (now, turn) = (eventLoop.now, turns.turn(of: connections.count))
        if turn.beginsRound { shared.admission.lookAtTime() }
        let some = connections[turn.places]
        for connection in some { connection.service?.lookAtTime(now: now) }
        if turn.beginsRound { lookAtMemory(now: now) }
        guard turns.rounds % 4 == 0 else { return turn.pause }
        let (keepAlive, looksAtIdle) = (settings.keepAlive, turns.rounds % 20 == 0)
        for connection in some {
            if let keepAlive { connection.keepAlive(after: keepAlive, now: now) }
            connection.lookForClient(now: now)
            connection.sweepHasty(now: now)
            if looksAtIdle { connection.sweep(now: now) }
        }
        return turn.pause
    }

    /// Gives up what costs least, as far as memory is short.
    private func lookAtMemory(now: NIODeadline) {
        memoryPressure = memoryWatch.look(shared.memory)
        guard memoryPressure >= .evicting else { return }
        for connection in connections { connection.evictIfStill(now: now) }
        guard memoryPressure == .resetting,
            let most = connections.max(by: { $0.heldBytes < $1.heldBytes }), most.heldBytes > 0,
            shared.heaviest.isMost(most.heldBytes, loop: index)
        else { return }
        shared.logger.warning(
            "memory is used up: the request that holds most ends",
            metadata: ["bytes": .number(most.heldBytes), "limit": .number(shared.memory.limit)])
        most.reset()
    }

    /// Live updates that were opened with a session whose operator has signed out.
    func end(_ session: Session) {
        for open in sessions where open.signIn == session.number { open.goAway() }
    }

    /// Takes the newest snapshot.
    func refresh() {
        snapshot = shared.registry.snapshot
        let before = settings.routing
        let (keys, known) = (settings.keyring, authorities)
        settings = shared.settings
        authorities = shared.listener.terms?.authorities
        if !settings.showsContent { for session in sessions { session.hideText() } }
        // Whoever looks on shows his key again, or his certificate.
        if !settings.keyring.isSame(as: keys) || authorities != known { for session in sessions { session.goAway() } }
        limits = shared.admission.limits
        if settings.routing != before {
            router = Router(settings.routing, seed: UInt64(index), random: random)
        }
        // Those of this loop see now what may have made them able.
        shared.admission.placesChanged()
    }

    /// Takes what is on its way: for a request that begins now, which may ask for what was just told elsewhere.
    func catchUp() { if news.waits { refresh() } }

    /// How long to wait before the next backend is tried, by lot.
    func retryPause() -> TimeAmount {
        longestPause == .zero ? .zero : .nanoseconds(Int64.random(in: 0...longestPause.nanoseconds, using: &pauses))
    }

    /// Which models the names stand for now, for one request: what goes by weight is drawn anew for each.
    func names() -> ModelNames {
        ModelNames(
            aliases: settings.aliases, snapshot: snapshot, lot: settings.aliases.hasWeights ? lots.next() : nil)
    }

    // MARK: Records

    /// How long an ended exchange waits to be settled, unless a reader comes first.
    private static let settleTime = TimeAmount.milliseconds(2)

    /// Writes an exchange that has ended into the ledger. It is settled after a while, together with what ends meanwhile.
    func record(_ request: ExchangeRecord.Request, _ timeline: Timeline) {
        let record = ExchangeRecord(request: request, timeline: timeline, endedAt: Clock.wallSeconds())
        guard page.write(record) else { return }
        let ledger = shared.ledger
        eventLoop.scheduleTask(in: Self.settleTime) { ledger.settle() }
    }

    /// For one more exchange; never the same again.
    func takeExchangeNumber() -> UInt64 {
        exchangeNumbers &+= 1
        return exchangeNumbers
    }

    func nextRequestID() -> String { identifiers.next() }

    /// Where an exchange stands in a trace; nil: exchanges are not traced.
    func trace(_ context: RequestContext) -> ExchangeTrace? {
        guard let sampling = settings.sampling else { return nil }
        let ((high, low), (span, _)) = (identifiers.numbers(), identifiers.numbers())
        return ExchangeTrace(context.fields, sampling: sampling, random: (high, low, span))
    }

    /// Adds a new connection. At the limit, of all or of its client's, an idle one is closed for it.
    func add(_ connection: ClientConnection, from address: SocketAddress?) -> ClientQuota.Admission {
        let place = shared.addresses.enter(address)
        connection.place = place
        if let place, let admission = crowd(place) {
            connections.insert(connection)
            return admission
        }
        let open = connections.count + sessions.count
        guard open >= quota.clients else {
            connections.insert(connection)
            return .ordinary
        }
        let now = eventLoop.now
        let idle = connections.lazy.compactMap { other in other.idleness(now: now).map { ($0, other) } }
        // The first few are as good as all: none has done anything for a while.
        if let (_, victim) = idle.prefix(ClientQuota.looks).min(by: { $0.0 < $1.0 }) {
            // At once, or the next one would find it again.
            connections.remove(victim)
            victim.close()
            connections.insert(connection)
            return .ordinary
        }
        guard open < quota.clients + quota.reserve else { return .refused }
        connections.insert(connection)
        return .reserve
    }

    /// Nil: there is room for one more of its client's.
    private func crowd(_ place: AddressPlace) -> ClientQuota.Admission? {
        let all = quota.clients * quota.loops
        let (limits, isLoopback) = (settings.addressLimit, place.network.isLoopback)
        let verdict = limits.verdict(count: place.count, isLoopback: isLoopback, all: all)
        guard verdict != .welcome, let limit = limits.limit(isLoopback: isLoopback, all: all) else { return nil }
        let now = eventLoop.now
        let idle = connections.lazy.filter { $0.place?.network == place.network && $0.crowd == nil }
            .compactMap { other in other.idleness(now: now).map { ($0, other) } }
        if let (_, victim) = idle.prefix(ClientQuota.looks).min(by: { $0.0 < $1.0 }) {
            connections.remove(victim)
            victim.close()
            return nil
        }
        return verdict == .told ? .crowded(limit) : .refused
    }

    /// Live updates may have half of the connections.
    var takesSessions: Bool { sessions.count < max(1, quota.clients / 2) }

    /// There may be no descriptor for one more connection to a backend.
    var isShortOfDescriptors: Bool {
        let clients = (connections.count + sessions.count) * quota.loops
        return clients + UpstreamSockets.open.load(ordering: .relaxed) >= quota.sockets
    }

    func remove(_ connection: ClientConnection) {
        connections.remove(connection)
        if connections.isEmpty, isDraining {
            onEmpty?()
            onEmpty = nil
        }
    }

    func add(_ session: WebSocketSession) { sessions.insert(session) }

    func remove(_ session: WebSocketSession) { sessions.remove(session) }

    /// From now on connections end with their answer.
    func beginDraining() { isDraining = true }

    /// Closes idle connections and live updates. `onEmpty` is called once, when none is left.
    func drain(onEmpty: @escaping () -> Void) {
        for session in sessions { session.goAway() }
        guard !connections.isEmpty else { return onEmpty() }
        self.onEmpty = onEmpty
        for connection in connections { connection.drain() }
    }

    /// Ends all connections now.
    func stop() {
        for connection in connections { connection.stop() }
    }
}

/// Ids for requests that bring none: 128 random bits in hexadecimal. Unique for practical purposes, not secret.
struct RequestIDs {
    private var state: (UInt64, UInt64)

    init(random: SeededRandom = SeededRandom(seed: .random(in: .min ... .max))) {
        var random = random
        // Never two zeros, which would stay zeros: SplitMix64 repeats a number only after 2^64 others.
        state = (random.next(), random.next())
    }

    /// xorshift128+ (Vigna, 2014).
    private mutating func random() -> UInt64 {
        var x = state.0
        let y = state.1
        state.0 = y
        x ^= x << 23
        state.1 = x ^ y ^ (x >> 17) ^ (y >> 26)
        return state.1 &+ y
    }

    mutating func numbers() -> (UInt64, UInt64) { (random(), random()) }

    mutating func next() -> String {
        let words = numbers()
        return String(unsafeUninitializedCapacity: 32) { buffer in
            for index in 0..<32 {
                let word = index < 16 ? words.0 : words.1
                let digit = UInt8(truncatingIfNeeded: (word >> UInt64(60 - index % 16 * 4)) & 0xF)
                buffer[index] = digit < 10 ? digit + 0x30 : digit + 0x57
            }
            return 32
        }
    }
}
