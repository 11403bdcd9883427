import Core

@testable import Gateway

/// What must hold of second attempts that run beside late ones.
final class HedgeRules {
    private unowned let oracle: Oracle

    init(_ oracle: Oracle) { self.oracle = oracle }

    private func violation(_ text: String) { oracle.violation("rule 14: \(text)") }

    /// A second attempt has begun.
    func began(_ view: ExchangeView, _ ask: Ask, _ world: World) {
        oracle.sometimes(.hedged)
        let backend = view.hedge?.identity.name ?? "somebody"
        oracle.note("ask \(ask.number) is asked at \(backend) as well")
        if !world.mayHedge { violation("ask \(ask.number) is asked twice at once, and nothing may be") }
        if !ask.kind.isStream { violation("ask \(ask.number) (\(ask.kind)) is asked twice at once") }
        if let hedge = view.hedge, hedge.identity.id == view.backend?.identity.id {
            violation("ask \(ask.number) is asked twice at once at \(backend)")
        }
        look(view, ask)
    }

    /// A second attempt is under way.
    func look(_ view: ExchangeView, _ ask: Ask) {
        if view.isOver || view.isCommitted {
            violation("ask \(ask.number) has its answer, and is still asked twice at once")
        }
    }

    /// A record says of each attempt what became of it, and names the one that answered.
    func check(_ told: HistoryEntry, of number: Int) {
        let entry = oracle.world?.planted == .wrongWinner ? Self.mistaken(told) : told
        guard !entry.route.isEmpty else { return }
        let answered = entry.route.filter { $0.end == .answered }
        let away = entry.route.filter { $0.end == .hedgedAway }
        if entry.route.count != entry.attempts { violation("the record of ask \(number) lacks an attempt") }
        if answered.count != (entry.status == .success && entry.backendID != HistoryEntry.noBackend ? 1 : 0) {
            violation("\(answered.count) attempts answered ask \(number), by its record")
        }
        if let one = answered.first, one.backend != entry.backendID {
            violation("the record of ask \(number) names \(entry.backendID), and \(one.backend) answered")
        }
        if away.count > 1 || away.contains(where: { $0.isBlamed || $0.failure != nil || $0.waitedMilliseconds == nil })
        {
            violation("the record of ask \(number) is wrong about who was slower")
        }
        guard let loser = away.first else { return }
        oracle.sometimes(loser.reason.isHedge ? .hedgeLost : .hedgeWon)
    }

    /// With the slower one in the place of the other: a planted fault.
    private static func mistaken(_ entry: HistoryEntry) -> HistoryEntry {
        var entry = entry
        if let loser = entry.route.first(where: { $0.end == .hedgedAway }) { entry.backendID = loser.backend }
        return entry
    }
}
