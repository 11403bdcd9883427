import Core
import NIOCore

/// The subscribers of a run, and what must hold for them all.
final class Audience {
    /// How soon a session must be gone: of a peer that answers no ping, two of them and the time to the next, and one that was told
    /// to close, whether it takes that or not.
    static let silentSeconds: UInt64 = 65
    static let closeSeconds: UInt64 = 7
    /// Bytes that may wait for one: the water mark, a picture of the fleet, and the entries of a fresh start.
    private static let bound = 256 * 1024
    private static let returns = 3

    private unowned let world: World
    private let loop: VirtualLoop
    private let oracle: Oracle
    private let trace: Trace
    private var random: SeededRandom
    private(set) var members: [(channel: VirtualChannel, subscriber: Subscriber)] = []
    private var count = 0
    private var cameBack = 0
    private var isDismissed = false

    init(_ world: World, loop: VirtualLoop, oracle: Oracle, trace: Trace, seed: UInt64) {
        self.world = world
        self.loop = loop
        self.oracle = oracle
        self.trace = trace
        random = SeededRandom(seed: seed)
    }

    func plan(span: UInt64, first: UInt64) {
        for _ in 0..<([0, 0, 1, 1, 2].randomElement(using: &random) ?? 0) {
            loop.after(UInt64.random(in: first...max(first, span * 3 / 4), using: &random)) { [self] in open(after: nil)
            }
        }
    }

    private func open(after: (sequence: UInt64, instance: String)?) {
        guard !oracle.isDraining, oracle.violation == nil else { return }
        let (near, far) = world.network.pair()
        let channel = world.network.client(far)
        channel.closeFuture.assumeIsolated().whenComplete { [weak self, weak channel] _ in
            if let channel { self?.closed(channel) }
        }
        do {
            if let planted = world.planted { try channel.pipeline.syncOperations.addHandler(Saboteur(planted)) }
            try channel.pipeline.syncOperations.addHandler(world.gateway.connection())
        } catch {
            oracle.violation("a connection cannot be set up: \(error)")
        }
        count += 1
        let isSlow = world.chaos.strikes(.subscriberReadsSlowly)
        let subscriber = Subscriber(
            count, wish: Subscriber.Wish(deltas: Bool.random(using: &random), after: after), habit: habit(),
            delay: UInt64.random(in: 500_000_000...8_000_000_000, using: &random),
            pace: isSlow
                ? (
                    Int.random(in: 100...4000, using: &random),
                    UInt64.random(in: 10_000_000...400_000_000, using: &random)
                ) : nil,
            wire: Wire(loop, near), loop: loop, audience: self, entries: world.gateway.recordCount, seed: random.next())
        subscriber.endIsLost = world.planted == .keptSubscriber
        note("subscriber \(count) comes \(subscriber.wish.query.isEmpty ? "" : "with a wish")")
        members.append((channel, subscriber))
        channel.becomeActive()
        subscriber.start()
    }

    private func closed(_ channel: VirtualChannel) {
        if channel.fills > 0 { sometimes(.subscriberWasFull) }
        if members.contains(where: { $0.channel === channel && $0.subscriber.isSilent }) {
            sometimes(.silentSubscriberDropped)
        }
        members.removeAll { $0.channel === channel }
    }

    private func habit() -> Subscriber.Habit {
        let chaos = world.chaos
        if chaos.strikes(.subscriberVanishes) {
            return [.leaves, .vanishes, .resets].randomElement(using: &random) ?? .leaves
        }
        if chaos.strikes(.subscriberGoesSilent) { return .goesSilent }
        if chaos.strikes(.subscriberSendsGarbage) {
            return .sendsGarbage(Subscriber.Garbage.allCases.randomElement(using: &random) ?? .unmasked)
        }
        if chaos.strikes(.subscriberFloods) { return .floods }
        if chaos.strikes(.subscriberReadsNothing) { return .readsNothing }
        if chaos.strikes(.halfUpgrade) { return .asksWrongly }
        return .patient
    }

    // MARK: What subscribers tell

    func note(_ text: @autoclosure () -> String) { trace.note(text()) }
    func violation(_ text: String) { oracle.violation(text) }
    func sometimes(_ rare: Rare) { oracle.sometimes(rare) }
    func check(_ text: [UInt8]) { oracle.check(text, "an update") }
    var isDraining: Bool { oracle.isDraining }
    /// Faults have stopped.
    var isCalm: Bool { world.chaos.isOver }
    /// Entries of the history so far.
    var entries: UInt64 { world.gateway.recordCount }
    func isOurs(_ instance: String) -> Bool { instance == world.gateway.instance }
    /// The backends that every picture must hold; nil: they change in this run.
    var fleet: [String]? { world.fleet.isSteady ? world.gateway.backends.map(\.identity.id) : nil }

    /// A subscriber has gone: so must its session.
    func isGone(_ subscriber: Subscriber, within seconds: UInt64) {
        loop.after(seconds * 1_000_000_000) { [self] in
            guard members.contains(where: { $0.subscriber === subscriber }) else { return }
            violation("rule 3: subscriber \(subscriber.number) has gone \(seconds) s ago, and its session goes on")
        }
    }

    /// As a page does, it comes again after a while, with what it has; or with what it has of another run.
    func cameBack(_ subscriber: Subscriber) {
        guard cameBack < Self.returns, !isDismissed, let newest = subscriber.newest else { return }
        cameBack += 1
        let isOther = Int.random(in: 0..<4, using: &random) == 0
        let after = (newest, isOther ? "0123456789abcdef" : subscriber.instance ?? "")
        loop.after(UInt64.random(in: 0...3_000_000_000, using: &random)) { [self] in
            if !isDismissed { open(after: after) }
        }
    }

    // MARK: What must hold

    /// After every step.
    func look() {
        for (channel, subscriber) in members where channel.waiting > Self.bound {
            violation("rule 4: \(channel.waiting) bytes wait for subscriber \(subscriber.number)")
        }
    }

    /// The gateway was told to end: those who listen must not hold it up.
    func beginDraining() {
        loop.after(Self.closeSeconds * 1_000_000_000) { [self] in
            if world.gateway.sessionCount > 0 {
                violation("the end is held up by \(world.gateway.sessionCount) subscribers")
            }
        }
    }

    func recover() { for (_, subscriber) in members { subscriber.recover() } }

    /// What somebody still has to be told; nil: nothing.
    var missing: String? {
        var statuses: [String: String] = [:]
        for backend in world.gateway.backends { statuses[backend.identity.id] = backend.status.contractWord }
        let entries = entries
        for (_, subscriber) in members {
            if let missing = subscriber.missing(entries: entries, statuses: statuses) {
                return "subscriber \(subscriber.number) is not told: \(missing)"
            }
        }
        return nil
    }

    /// All go, and nobody comes again.
    func dismiss() {
        isDismissed = true
        for (_, subscriber) in members { subscriber.leave() }
    }

    /// Nothing is left of any subscriber.
    func checkRest() {
        if let (_, subscriber) = members.first {
            violation("at the end subscriber \(subscriber.number) is still connected")
        }
        if world.gateway.sessionCount > 0 || world.gateway.hasListeners {
            violation("at the end \(world.gateway.sessionCount) sessions of subscribers are left over")
        }
    }

    func end() { for (channel, _) in members { channel.close(promise: nil) } }
}
