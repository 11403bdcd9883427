import Core

@testable import AdapterHost
@testable import Gateway

/// Knows what must hold: the rules of docs/architecture.md, as far as they can be seen from around the gateway. Looks after every
/// step, and at each answer.
final class Oracle {
    /// Bytes that may wait for a client of a stream: the water mark, and what came before the server was told. A server that closes
    /// brings all at once that its connection still holds.
    private static let streamBound = 256 * 1024 + FlowManner.largestWindow
    /// Bytes that may wait for another one: a whole answer, and what stood there before.
    private static let wholeBound = 1024 * 1024
    /// Attempts at one request: each backend of a run in two forms, for each model that a name may stand for.
    private static let attemptBound = 30
    /// How soon the gateway must notice that a client has gone.
    static let freedSeconds: UInt64 = 5

    let loop: VirtualLoop
    let book: AskBook
    private let trace: Trace
    private(set) var violation: String?
    let rares = Rares()
    /// Entries of the history that were seen.
    private var seen: UInt64 = 0
    private var entries: [Int: HistoryEntry] = [:]
    unowned var world: World?
    private(set) lazy var queue = QueueRules(self)
    private(set) lazy var names = Names(self)
    private(set) lazy var hedges = HedgeRules(self)
    /// The gateway was told to end, or waits no longer.
    var isDraining = false
    var isStopped = false

    init(_ loop: VirtualLoop, _ book: AskBook, _ trace: Trace) {
        self.loop = loop
        self.book = book
        self.trace = trace
    }

    func violation(_ text: String) {
        guard violation == nil else { return }
        violation = text
        trace.note("VIOLATION: \(text)")
    }

    func sometimes(_ rare: Rare) { rares.note(rare) }

    func note(_ text: String) { trace.note(text) }

    /// There was not enough memory for something in this run.
    var isShortOfMemory: Bool { (world?.state.memory.refused ?? 0) > 0 }

    /// A backend is held to be down now.
    func becameUnhealthy(_ standing: Fleet.Standing, before: BackendStatus) {
        let needed = before.serves ? world?.failureThreshold ?? 1 : 1
        let failed = standing.blame - standing.blameWhenWell
        // What a server sends too much may spoil an answer much later.
        if failed < needed, world?.chaos.isOn(.tooLong) != true {
            violation("rule 5: \(standing.id) is held to be down, and has failed \(failed) times since it was well")
        }
    }

    // MARK: After every step

    func look() {
        guard let world else { return }
        readRecords(world)
        var places = 0
        for standing in world.fleet.standings {
            let (inFlight, failures) = (standing.counters.inFlight, standing.counters.failures)
            places += inFlight
            if inFlight < 0 { violation("rule 1: \(standing.id) has \(inFlight) exchanges in flight") }
            let allowed = standing.look()
            if inFlight > allowed {
                violation("rule 4: \(standing.id) has \(inFlight) exchanges in flight, \(allowed) are allowed")
            }
            // And each instance may have a probe.
            if standing.taskCount > inFlight + standing.members.count {
                violation("rule 1: \(standing.id) has \(standing.taskCount) tasks for \(inFlight) exchanges")
            }
            let breaker = standing.counters.breaker
            if breaker.openings > UInt64(standing.blame) {
                violation(
                    "rule 9: the breaker of \(standing.id) opened \(breaker.openings) times, and it failed "
                        + "\(standing.blame) times")
            }
            if !breaker.isClosed, case .halfOpen(let underWay, let succeeded) = breaker.phase {
                sometimes(.halfOpen)
                if underWay + succeeded > world.bounds.trials {
                    violation("rule 9: \(underWay + succeeded) try \(standing.id), and \(world.bounds.trials) may")
                }
            }
            if failures > UInt64(standing.blame) {
                violation(
                    "rule 5: \(failures) failures count against \(standing.id), which failed \(standing.blame) times")
            }
        }
        queue.look(world)
        world.orders.look()
        lookAtRetries(world)
        world.audience.look()
        let underWay = world.gateway.underWayCount
        if places > underWay, places > underWay + world.gateway.hedgeCount {
            violation("rule 1: \(places) places are taken for \(underWay) exchanges")
        }
        let memory = world.state.memory
        if memory.used < 0 || memory.used > world.memoryBound() {
            violation("rule 4: \(memory.used) bytes are taken in memory, of \(memory.limit)")
        }
        for (channel, client) in world.clientChannels
        where channel.waiting > (client.takesStreams ? Self.streamBound : Self.wholeBound) {
            violation("rule 4: \(channel.waiting) bytes wait for a client")
        }
    }

    /// Those of requests that are asked in other words are less than attempts, and not counted.
    private func lookAtRetries(_ world: World) {
        if world.state.retries.value.refused > 0 { sometimes(.retryRefused) }
        let windows = Int(loop.elapsed / (RetryBudget.window * 1_000_000_000)) + 2
        let allowed = world.bounds.retryMinimum * windows + book.notes.count * world.bounds.retryPercent / 100
        let retries = queue.retries
        if retries > allowed { violation("rule 10: there were \(retries) retries, of at most \(allowed)") }
    }

    private func readRecords(_ world: World) {
        let total = world.gateway.recordCount
        guard total > seen else { return }
        for entry in world.gateway.records(after: seen) {
            guard let number = Ask.number(of: entry.requestID), number < book.notes.count else {
                // A request that could not be read has no number.
                continue
            }
            trace.note("record \(number): \(entry.status) \(entry.statusCode) after \(entry.attempts) attempts")
            book[number].records += 1
            entries[number] = entry
            if book[number].records > 1 { violation("rule 1: ask \(number) is recorded twice") }
            if entry.attempts > 1 { sometimes(.retried) }
            hedges.check(entry, of: number)
            if entry.attempts > Self.attemptBound {
                violation("rule 10: ask \(number) was tried \(entry.attempts) times")
            }
            check(Array((entry.errorMessage ?? "").utf8), "the history")
            let milliseconds = (loop.elapsed - book[number].sentAt) / 1_000_000
            if entry.durationMilliseconds > milliseconds + 1 {
                violation(
                    "rule 8: ask \(number) took \(milliseconds) ms, and is recorded with \(entry.durationMilliseconds)")
            }
        }
        seen = total
    }

    /// Nothing may go wrong in this run.
    var isFaultless: Bool { world?.hasFaults == false }

    func check(_ text: [UInt8], _ place: String) {
        if text.has(Secret.key) { violation("rule 7: a key stands in \(place)") }
    }

    func entry(_ number: Int) -> HistoryEntry? { entries[number] }

    // MARK: Clients that have gone

    /// Some seconds after a client has gone nothing of what it asked is under way.
    func checkFreed(_ asks: ArraySlice<Ask>) {
        guard let world else { return }
        for id in world.gateway.underWay {
            guard let number = Ask.number(of: id), asks.contains(where: { $0.number == number })
            else {
                continue
            }
            violation(
                "rule 3: the client of ask \(number) has gone \(Self.freedSeconds) s ago, and its exchange goes on")
        }
    }

    // MARK: The end

    /// Faults have stopped long ago: everything must be at rest.
    func checkRest() {
        guard let world else { return }
        look()
        queue.checkRest(world)
        for note in book.notes where note.isSent {
            if note.verdict == nil {
                violation(
                    "ask \(note.ask.number) (\(note.ask.kind)) has no answer \(world.restSeconds) s after the last fault"
                )
            }
        }
        for standing in world.fleet.standings where standing.counters.inFlight != 0 || standing.taskCount > 0 {
            violation(
                "rule 1: at the end \(standing.id) has \(standing.counters.inFlight) exchanges in flight and \(standing.taskCount) tasks"
            )
        }
        if let member = world.fleet.retiring.first {
            violation("rule 1: at the end a former instance of \(member.driver.identity.name) is still there")
        }
        if world.state.memory.used != 0 { violation("rule 4: at the end \(world.state.memory.used) bytes are taken") }
        if !world.services.callsUnderWay.isEmpty {
            violation("at the end \(world.services.callsUnderWay.count) HTTP requests are under way")
        }
    }
}
