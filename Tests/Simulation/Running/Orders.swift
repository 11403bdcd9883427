import Config
import Core
import JSON

@testable import Gateway

/// What an operator commands of the backends while they are in use, as the routes of `/v1/backends` take it, and what must hold
/// then (rule 15). What was commanded is noted here, and asked of nobody.
final class Orders {
    /// How a backend must be.
    private struct Wish {
        /// Since when it takes nothing new; nil: it does.
        var closedSince: UInt64?
        var priority: Int?
        /// `.some(nil)`: any.
        var limit: Int??
    }

    /// Instances whose exchanges were to end at once.
    private struct Ended {
        var id: String
        var members: [Fleet.Member]
        var at: UInt64
    }

    /// Nanoseconds within which that has happened.
    private static let endTime: UInt64 = 1_000_000_000

    /// The loop takes over a change in a turn of its own, before the command is answered.
    private static let takeOverTime: UInt64 = 1_000_000

    private unowned let world: World
    private var random: SeededRandom
    private var wishes: [String: Wish] = [:]
    private var ended: [Ended] = []
    /// Some exchange may be told that its backend was removed.
    private(set) var hasEnded = false

    init(_ world: World, seed: UInt64) {
        self.world = world
        random = SeededRandom(seed: seed)
    }

    private var now: UInt64 { world.loop.elapsed }
    private func violation(_ text: String) { world.oracle.violation("rule 15: \(text)") }

    // MARK: Commands

    /// Gives a command that is drawn.
    func give() throws {
        let lot = Int.random(in: 0..<12, using: &random)
        let name = name(isBusy: lot >= 10)
        switch lot {
        case 0, 1: try add()
        case 2...4: try change(name, #"{"enabled":false}"#)
        case 5, 6: try change(name, #"{"enabled":true}"#)
        case 7, 8:
            let limit = Bool.random(using: &random) ? "\(Int.random(in: 1...3, using: &random))" : "null"
            let connect = Bool.random(using: &random) ? #","timeouts":{"connect_seconds":3}"# : ""
            let priority = Int.random(in: 0...2, using: &random)
            try change(name, #"{"priority":\#(priority),"max_concurrent":\#(limit)\#(connect)}"#)
        default: try remove(name, atOnce: lot >= 10)
        }
    }

    /// One of those that there are, or were.
    /// - Parameter isBusy: rather one that has something under way.
    private func name(isBusy: Bool) -> String {
        let state = world.fleet.state
        let names = state.base.map(\.name) + state.overlay.added.map(\.name)
        let busy = names.filter { name in world.fleet.standings.contains { $0.id == name && $0.counters.inFlight > 0 } }
        return (isBusy && !busy.isEmpty ? busy : names).randomElement(using: &random) ?? "b0"
    }

    private func add() throws {
        let definition = try world.fleet.definition(named: nil)
        let isNamed = Bool.random(using: &random)
        var text = #"{"type":"\#(definition.type)","url":"\#(definition.url)","priority":\#(definition.priority)"#
        if isNamed { text += #","name":"\#(definition.name)""# }
        if let limit = definition.maxConcurrent { text += #","max_concurrent":\#(limit)"# }
        let specification = (try JSONValue.parse(text + "}").object ?? JSONObject()).sorted
        let state = world.fleet.state
        _ = try ConfigurationReader.backend(specification.with("name", "new"), under: state.configuration, source: "")
        guard let name = try apply({ try $0.add(specification, at: definition.url) }) else {
            return violation("a new backend is refused")
        }
        world.oracle.sometimes(.addedByCommand)
        wishes[name] = Wish()
        guard !isNamed else { return }
        if try apply({ try $0.add(specification, at: definition.url) }) != nil {
            violation("an address is added twice without a name")
        }
    }

    private func change(_ name: String, _ text: String) throws {
        let change = try ChangeReader.change(try JSONValue.parse(text).object ?? JSONObject(), source: "")
        let inFlight = world.fleet.inFlight(name)
        guard try apply({ (name, try $0.change(name, change)) }) != nil else { return }
        var wish = wishes[name] ?? Wish()
        if let isEnabled = change.isEnabled {
            if isEnabled, wish.closedSince != nil { world.oracle.sometimes(.enabledByCommand) }
            if !isEnabled, inFlight > 0 { world.oracle.sometimes(.drainedInUse) }
            // It comes back as it is described if it was removed.
            wish.closedSince = isEnabled ? nil : wish.closedSince ?? now
        }
        if let priority = change.priority { wish.priority = priority }
        if let limit = change.maxConcurrent { wish.limit = limit }
        if change.priority != nil { world.oracle.sometimes(.setByCommand) }
        wishes[name] = wish
    }

    private func remove(_ name: String, atOnce: Bool) throws {
        let members = world.fleet.members(of: name)
        guard try apply(atOnce: atOnce ? name : nil, { (name, try $0.remove(name)) }) != nil else { return }
        wishes[name] = Wish(closedSince: now)
        guard atOnce else { return }
        hasEnded = true
        if members.contains(where: { $0.driver.taskCount > 0 }) { world.oracle.sometimes(.endedByCommand) }
        ended.append(Ended(id: name, members: members, at: now))
    }

    /// - Returns: the name of the backend; nil: it is refused.
    private func apply(
        atOnce: String? = nil, _ step: (inout Reconfigurer.State) throws -> (String, Bool)
    ) throws -> String? {
        do {
            return try world.fleet.apply(atOnce: atOnce, step)
        } catch let refusal as BackendOverlay.Refusal {
            world.oracle.note("it is refused: \(refusal)")
            world.oracle.sometimes(.commandRefused)
            return nil
        }
    }

    // MARK: What must hold

    /// After every step.
    func look() {
        guard !wishes.isEmpty else { return }
        for backend in world.registry.snapshot.backends {
            guard let wish = wishes[backend.identity.id] else { continue }
            let name = backend.identity.name
            if wish.closedSince != nil, backend.status.serves {
                violation("\(name) is to take nothing new, and serves")
            }
            guard wish.closedSince == nil, world.fleet.isRunning(name) else { continue }
            if let priority = wish.priority, backend.identity.priority != priority {
                violation("\(name) has priority \(backend.identity.priority), and \(priority) was set")
            }
            if let limit = wish.limit, backend.identity.maxConcurrent != limit {
                violation("\(name) has the limit \(backend.identity.maxConcurrent ?? 0), and \(limit ?? 0) was set")
            }
        }
        for one in ended where now > one.at + Self.endTime {
            if one.members.contains(where: { $0.driver.taskCount > 0 }) {
                violation("what \(one.id) had under way was to end at once, and goes on")
            }
        }
        ended.removeAll { now > $0.at + Self.endTime }
    }

    /// An attempt begins.
    func check(_ ask: Ask, at backend: BackendSnapshot) {
        guard let since = wishes[backend.identity.id]?.closedSince, now > since + Self.takeOverTime else { return }
        violation("ask \(ask.number) is sent to \(backend.identity.name), which is to take nothing new")
    }
}
