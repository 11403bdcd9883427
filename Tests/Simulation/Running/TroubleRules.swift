import Core

@testable import Gateway

/// What the gateway says is wrong is what is wrong: looked at every virtual second.
final class TroubleRules {
    private static let interval: UInt64 = 1_000_000_000
    private var next: UInt64 = 0

    func look(_ world: World) {
        guard world.loop.elapsed >= next else { return }
        next = world.loop.elapsed + Self.interval
        // What adapters did in earlier runs of this process counts as well, so that nobody is told of it here.
        let items = world.state.trouble.items
        let conditions = world.registry.conditions
        let down = Set(conditions.lazy.filter { $0.status == .unhealthy }.map(\.identity.id))
        let told = Set(items.lazy.filter { $0.kind == .down }.compactMap(\.backendID))
        if down != told { world.oracle.violation("trouble: \(down.sorted()) are down, and \(told.sorted()) are told") }
        let now = Clock.preciseWallSeconds()
        for item in items {
            // Somebody may have set the clock since.
            if item.since > now + 1, !world.hasFaults {
                world.oracle.violation("trouble: \(item.id) is told to begin at \(item.since), and it is \(now)")
            }
            guard let id = item.backendID else { continue }
            guard let condition = conditions.first(where: { $0.identity.id == id }) else {
                world.oracle.violation("trouble: \(item.id) is told of a backend that is gone")
                continue
            }
            guard condition.state == .healthy else { continue }
            switch item.kind {
            case .flapping, .resting, .errorRate: break
            default: world.oracle.violation("trouble: \(item.id) is told of a backend that is well")
            }
        }
    }
}
