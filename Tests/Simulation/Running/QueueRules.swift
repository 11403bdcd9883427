import Core

/// Who waits for a place and who has one, as it must be by docs/routing.md: seen anew after every step, from what exchanges
/// show of themselves. It counts places and turns by itself, and asks nothing of the queue but its figures.
final class QueueRules {
    /// One that waits.
    private final class Waiter {
        let view: ExchangeView
        let ask: Ask
        let wants: AdmissionQueue.Wants
        let since: UInt64
        /// Nanoseconds that it may wait.
        let limit: UInt64
        /// It came after an attempt that failed.
        let isRetry: Bool
        /// Whether who is served before it can be judged: the settings have not changed since it came, and nothing about it
        /// is done on another thread.
        var isComparable: Bool
        /// How often others of its rank were served since it has that rank, or since its client had its turn.
        var served: [Int: Int] = [:]
        var rank: Int
        /// Since when it could have a place, or must be told that it gets none.
        var couldSince: UInt64?

        init(_ view: ExchangeView, _ ask: Ask, since: UInt64, limit: UInt64) {
            self.view = view
            self.ask = ask
            wants = view.wants
            self.since = since
            self.limit = limit
            isRetry = view.attempts > 0
            isComparable = ask.padding == 0
            rank = ask.rank
        }

        var client: Int { ask.key ?? -1 }
    }

    /// Which limits an attempt counts against: those that there were when it began.
    private struct Place {
        let ofTotal: Int?
        let pattern: String
        let ofPattern: Int?
    }

    private final class Known {
        let view: ExchangeView
        var attempts = 0
        var waiter: Waiter?
        var place: Place?
        /// Of a second attempt, beside the first.
        var hedge: (place: Place, backend: BackendSnapshot)?
        var hasHedged = false
        var lastLook: UInt64 = 0
        init(_ view: ExchangeView) { self.view = view }
    }

    /// How long a place may be free that somebody waits for. Whoever is held up on another thread is passed over after a tenth
    /// of a second, at the next look at the time.
    private static let wakeTime: UInt64 = 1_000_000_000
    /// How late a look at the time may be.
    private static let lookTime: UInt64 = 600_000_000
    /// When a request has risen is not known more exactly.
    private static let rankSlack: UInt64 = 400_000_000

    private unowned let oracle: Oracle
    private var known: [ObjectIdentifier: Known] = [:]
    private var order: [Known] = []
    private var waiters: [Waiter] = []
    private var looks: UInt64 = 0
    /// Of the limits that there are, by pattern: which one of that name it is, and how many may have a place now.
    private var numbers: [String: Int] = [:]
    private var bounds: [String: Int] = [:]
    private var limits: [String: Int] = [:]
    private var settings: Configuration.Queue?
    private var longest = 0
    private var served: UInt64 = 0
    private var gone: UInt64 = 0
    private var refused: (full: UInt64, overShare: UInt64) = (0, 0)
    private var hasSeenAny = false

    init(_ oracle: Oracle) { self.oracle = oracle }

    private var now: UInt64 { oracle.loop.elapsed }
    private func violation(_ text: String) { oracle.violation("rule 11: \(text)") }

    /// Which of its name's models was asked for last, by the number of the request.
    private(set) var lastTarget: [Int: (index: Int, model: String)] = [:]
    /// Attempts that followed on another one at the same model, of requests that are never asked in other words.
    private(set) var retries = 0

    // MARK: After every step

    func look(_ world: World) {
        looks += 1
        take(world)
        let before = waiters.count
        for view in world.gateway.exchanges { follow(view, world) }
        for one in order where one.lastLook != looks { follow(one, world) }
        if order.contains(where: { $0.lastLook != looks && $0.view.isOver }) {
            for one in order where one.lastLook != looks && one.view.isOver { known[one.view.key] = nil }
            order.removeAll { $0.lastLook != looks && $0.view.isOver }
        }
        guard !order.isEmpty || hasSeenAny else { return }
        checkPlaces(world)
        guard before > 0 || !waiters.isEmpty || hasSeenAny else { return }
        checkQueue(world, before: before)
        for waiter in waiters { check(waiter, world) }
    }

    /// Takes the limits as the loop has them.
    private func take(_ world: World) {
        let queue = world.believed(world.gateway.queue)
        guard queue != settings else { return }
        if settings != nil {
            for waiter in waiters { waiter.isComparable = false }
        }
        settings = queue
        var now = queue.models
        if let total = queue.maxConcurrent { now[""] = total }
        for pattern in now.keys where limits[pattern] == nil { numbers[pattern, default: 0] += 1 }
        for pattern in limits.keys where now[pattern] == nil { bounds[pattern] = nil }
        limits = now
    }

    // MARK: What has happened to an exchange

    private func follow(_ view: ExchangeView, _ world: World) {
        let one = known[view.key] ?? Known(view)
        if one.lastLook == 0 {
            known[view.key] = one
            order.append(one)
        }
        one.lastLook = looks
        follow(one, world)
    }

    private func follow(_ one: Known, _ world: World) {
        let view = one.view
        guard let ask = view.ask.map({ oracle.book[$0].ask }) else { return }
        let hasBegun = view.attempts > one.attempts
        let hasWaited = one.waiter != nil
        if let waiter = one.waiter, view.ticket == nil || view.isOver {
            one.waiter = nil
            waiters.removeAll { $0 === waiter }
            if hasBegun { wasServed(waiter, world) } else { ended(waiter) }
        } else if hasBegun {
            overtook(one, ask)
        }
        if hasBegun {
            one.attempts = view.attempts
            if view.hasHedged, !one.hasHedged {
                one.hasHedged = true
                if let backend = view.hedge { one.hedge = (place(of: view), backend) }
                oracle.hedges.began(view, ask, world)
                attempt(one, ask, at: view.hedge, hasWaited: false, world)
            } else {
                one.place = place(of: view)
                attempt(one, ask, at: view.backend, hasWaited: hasWaited, world)
            }
        }
        if let hedge = one.hedge {
            if view.hedge == nil {
                // It is the exchange's now, or over.
                if view.backend === hedge.backend { one.place = hedge.place }
                one.hedge = nil
            } else {
                oracle.hedges.look(view, ask)
            }
        }
        if !view.isTrying { one.place = nil }
        if one.waiter == nil, view.ticket != nil, !view.isOver { entered(one, ask, world) }
    }

    private func entered(_ one: Known, _ ask: Ask, _ world: World) {
        hasSeenAny = true
        let queue = world.believed(world.gateway.queue)
        if !queue.enabled || queue.maxSize == 0 { violation("ask \(ask.number) waits, and there is no queue") }
        let waiter = Waiter(one.view, ask, since: now, limit: UInt64(queue.maxWait / .nanoseconds(1)))
        oracle.note("ask \(ask.number) waits for \(waiter.wants.model), as \(ask.priority?.rawValue ?? "normal")")
        one.waiter = waiter
        waiters.append(waiter)
        oracle.sometimes(waiter.isRetry ? .retryWaited : .waited)
        if waiter.wants.waitsForRestart, waiter.view.open.isEmpty { oracle.sometimes(.waitedForRestart) }
    }

    private func ended(_ waiter: Waiter) {
        gone += 1
        oracle.note("ask \(waiter.ask.number) waits no longer, and has no place")
        if !waiter.view.isOver {
            violation("ask \(waiter.ask.number) has left the queue, and has neither a place nor an answer")
        }
        if oracle.book[waiter.ask.number].verdict == .abandoned { oracle.sometimes(.leftQueue) }
        if now - waiter.since >= waiter.limit { oracle.sometimes(.waitedTooLong) }
    }

    private func wasServed(_ waiter: Waiter, _ world: World) {
        served += 1
        oracle.note("ask \(waiter.ask.number) has waited, and has a place")
        if waiter.wants.waitsForRestart { oracle.sometimes(.servedWhereRestartIsAwaited) }
        let (best, worst) = ranks(waiter, world)
        if best < waiter.ask.rank { oracle.sometimes(.roseInQueue) }
        for other in waiters where other.client == waiter.client { other.served = [:] }
        guard waiter.isComparable, waiter.wants.model == waiter.view.model else { return }
        for other in waiters
        where other.isComparable && other.client != waiter.client && other.wants == waiter.wants
            && other.view.model == other.wants.model
        {
            let (otherBest, otherWorst) = ranks(other, world)
            if otherWorst < best {
                violation(
                    "ask \(waiter.ask.number) is served, and ask \(other.ask.number) of a higher priority waits for the same"
                )
            }
            guard otherBest == otherWorst, best == worst, best == otherBest else { continue }
            if other.rank != otherBest { (other.rank, other.served) = (otherBest, [:]) }
            other.served[waiter.client, default: 0] += 1
            guard other.served[waiter.client] == 2 else {
                oracle.sometimes(.turnTaken)
                continue
            }
            violation("client \(waiter.client) is served twice, and ask \(other.ask.number) of the same rank waits")
        }
    }

    /// The rank that a request has risen to: at the best, and at the worst.
    private func ranks(_ waiter: Waiter, _ world: World) -> (best: Int, worst: Int) {
        let step = max(1, waiter.limit / AdmissionQueue.ageingDivisor)
        func rank(_ waited: UInt64) -> Int { max(0, waiter.ask.rank - Int(clamping: waited / step)) }
        let waited = now - waiter.since
        return (rank(waited), rank(waited > Self.rankSlack ? waited - Self.rankSlack : 0))
    }

    /// It has a place without having waited.
    private func overtook(_ one: Known, _ ask: Ask) {
        guard !waiters.isEmpty else { return }
        let wants = one.view.wants
        if let waiter = waiters.first(where: { $0.wants == wants && $0.view.wants == wants && $0.since < now }) {
            violation("ask \(ask.number) overtakes ask \(waiter.ask.number), which waits for the same")
        }
    }

    // MARK: Places

    private func pattern(of model: String) -> String? {
        limits.keys.filter { !$0.isEmpty && Self.fits($0, model) }.max { left, right in
            (left.contains("*") ? left.count : .max, right) < (right.contains("*") ? right.count : .max, left)
        }
    }

    /// Of the patterns of a run, which have their star at the end.
    private static func fits(_ pattern: String, _ model: String) -> Bool {
        pattern.hasSuffix("*") ? model.hasPrefix(pattern.dropLast()) : pattern == model
    }

    private func place(of view: ExchangeView) -> Place {
        let pattern = pattern(of: view.model)
        return Place(
            ofTotal: limits[""] == nil ? nil : numbers[""], pattern: pattern ?? "",
            ofPattern: pattern.flatMap { numbers[$0] })
    }

    private func taken(of pattern: String) -> Int {
        let number = numbers[pattern]
        func counts(_ place: Place?) -> Bool {
            guard let place else { return false }
            return pattern.isEmpty ? place.ofTotal == number : place.pattern == pattern && place.ofPattern == number
        }
        return order.reduce(0) { $0 + (counts($1.place) ? 1 : 0) + (counts($1.hedge?.place) ? 1 : 0) }
    }

    private func checkPlaces(_ world: World) {
        for (pattern, limit) in limits {
            let taken = taken(of: pattern)
            let bound = max(limit, min(bounds[pattern] ?? limit, taken))
            bounds[pattern] = bound
            let name = pattern.isEmpty ? "all" : "'\(pattern)'"
            if taken > bound { violation("\(taken) requests of \(name) are under way, and \(bound) may be") }
            if taken > limit { oracle.sometimes(.placesAboveLimit) }
            // Whatever else the gateway counts, a place is taken by an exchange alone.
            if let counted = world.gateway.placesTaken(of: pattern), counted != taken {
                violation("\(counted) places of \(name) are taken, and \(taken) exchanges have one")
            }
        }
    }

    /// Whether the gateway's own limits have a place.
    private func hasRoom(_ pattern: String?) -> Bool {
        if let total = limits[""], taken(of: "") >= total { return false }
        guard let pattern, let limit = limits[pattern] else { return true }
        return taken(of: pattern) < limit
    }

    // MARK: The queue

    private func checkQueue(_ world: World, before: Int) {
        let new = world.gateway.queueFigures
        let (queue, newest) = (world.believed(world.gateway.queue), world.believed(world.gateway.newestQueue))
        let size = max(queue.maxSize, newest.maxSize)
        longest = max(size, min(longest, waiters.count))
        if waiters.count > longest { violation("\(waiters.count) requests wait, and \(longest) may") }
        if new.waiting != waiters.count {
            violation("\(new.waiting) stand in the queue, and \(waiters.count) exchanges wait")
        }
        if new.admitted != served || new.timedOut + new.left != gone {
            violation(
                "\(new.admitted) are counted as served and \(new.timedOut + new.left) as gone, and it was \(served) and \(gone)"
            )
        }
        if new.full > refused.full {
            oracle.sometimes(.queueWasFull)
            if max(before, waiters.count) < min(queue.maxSize, newest.maxSize) {
                violation("somebody is refused since the queue is full, and \(waiters.count) wait")
            }
        }
        if new.overShare > refused.overShare {
            oracle.sometimes(.shareWasFull)
            let share = max(1, min(queue.maxSize, newest.maxSize) / 2)
            let counts = Dictionary(grouping: waiters, by: \.client).values.map(\.count)
            if !counts.contains(where: { $0 >= share }) {
                violation("a client is refused for its share of \(share), and none has so many waiting")
            }
        }
        refused = (new.full, new.overShare)
    }

    private func check(_ waiter: Waiter, _ world: World) {
        if now > waiter.since + waiter.limit + Self.lookTime {
            violation("ask \(waiter.ask.number) waits for longer than it may")
        }
        guard waiter.ask.padding == 0, mustGoOn(waiter, world) else {
            waiter.couldSince = nil
            return
        }
        let since = waiter.couldSince ?? now
        waiter.couldSince = since
        if now - since > Self.wakeTime {
            violation("ask \(waiter.ask.number) waits, and there is a place for it or nobody who could have one")
        }
    }

    /// There is a place for it, or nobody can serve it.
    private func mustGoOn(_ waiter: Waiter, _ world: World) -> Bool {
        let view = waiter.view
        guard hasRoom(waiter.wants.limit), hasRoom(pattern(of: view.model)) else { return false }
        let open = view.open
        guard !open.isEmpty else { return !waiter.wants.waitsForRestart && !world.gateway.queue.waitForRestart }
        return open.contains { backend in
            return !waiter.wants.tried.contains(backend.identity.id)
                && backend.counters.inFlight < backend.identity.maxConcurrent ?? .max
        }
    }

    // MARK: Which model and which backend

    private func attempt(
        _ one: Known, _ ask: Ask, at backend: BackendSnapshot?, hasWaited: Bool, _ world: World
    ) {
        let view = one.view
        if let last = lastTarget[ask.number], last.index == view.target, ask.kind == .chat || ask.kind == .stream {
            retries += 1
        }
        lastTarget[ask.number] = (view.target, view.model)
        guard let backend else { return }
        if view.target > 0 {
            oracle.note(
                "ask \(ask.number) is tried as \(view.model) at \(backend.identity.name), of \(view.targets.map(\.model))"
            )
        }
        oracle.names.check(ask, model: view.model, backend: backend.identity.name)
        world.orders.check(ask, at: backend)
        // One that has waited has waited for the first that was there when it began.
        if view.target > 0, !hasWaited { checkFirst(one, ask, world) }
        guard ask.hasImage || ask.padding > 0, ask.kind == .chat || ask.kind == .stream else { return }
        oracle.checkNeeds(
            ask, model: view.model, at: backend, others: oracle.openTo(view),
            isFirst: view.attempts == 1)
    }

    /// Another model than the first is tried: the first had no place, or nobody who could serve it.
    private func checkFirst(_ one: Known, _ ask: Ask, _ world: World) {
        oracle.sometimes(.triedNextModel)
        let view = one.view
        guard view.attempts == 1, waiters.isEmpty, ask.padding == 0, let first = view.targets.first else { return }
        // As it was before it took its own.
        let own = one.place
        one.place = nil
        defer { one.place = own }
        guard hasRoom(pattern(of: first.model)) else { return }
        let snapshot = view.snapshot
        // Those alone that fit the request.
        for index in view.candidates(for: first) {
            let backend = snapshot.backends[index]
            let inFlight = backend.counters.inFlight - (backend === view.backend && view.isTrying ? 1 : 0)
            if inFlight < backend.identity.maxConcurrent ?? .max {
                oracle.violation(
                    "rule 12: ask \(ask.number) is asked for as \(view.model), and \(first.model) could be served")
            }
        }
    }

    // MARK: The end

    func checkRest(_ world: World) {
        if let waiter = waiters.first { violation("at the end ask \(waiter.ask.number) waits") }
        if world.gateway.queueFigures.waiting > 0 { violation("at the end somebody stands in the queue") }
        for pattern in limits.keys where world.gateway.placesTaken(of: pattern) ?? 0 > 0 {
            violation("at the end places of '\(pattern)' are taken")
        }
    }

    /// One stood in the queue and left it that is no exchange.
    func overlookOne() { gone += 1 }

    /// Those that wait now.
    var waiting: [ExchangeView] { waiters.map(\.view) }
}

extension Ask {
    /// Of its priority, the highest first.
    fileprivate var rank: Int {
        switch priority {
        case .high: 0
        case nil, .normal: 1
        case .low: 2
        }
    }
}
