/// Where requests stand in the queue, for people to see.
extension AdmissionQueue {
    /// The place of a ticket among those that wait for the same, from 1, if nobody came or left; nil: it does not wait. Goes
    /// through the clients of its lane.
    public func place(of ticket: Ticket) -> Int? {
        guard let entry = entries[ticket], let lane = laneOf[entry.wants] else { return nil }
        let ranks = lanes[lane].ranks
        let ahead = ranks[..<entry.rank].reduce(0) { $0 + $1.ages.count }
        guard let own = ranks[entry.rank].lists[entry.client]?.place(of: entry.serial),
            let turn = standings[entry.rank][entry.client]?.turn
        else { return nil }
        // Before its k-th, each other client has had its own k-th if its turn comes first, else one less.
        var others = 0
        for (client, list) in ranks[entry.rank].lists where client != entry.client {
            guard let otherTurn = standings[entry.rank][client]?.turn else { continue }
            others += min(list.count, otherTurn < turn ? own + 1 : own)
        }
        return ahead + own + others + 1
    }

    /// The places of all that wait, as `place(of:)` tells them one by one. Sorts them.
    public var places: [Ticket: Int] {
        var places: [Ticket: Int] = [:]
        places.reserveCapacity(entries.count)
        for lane in lanes {
            var ahead = 0
            for (rank, waiting) in lane.ranks.enumerated() {
                // The first of every client comes before the second of any, in the order of their turns.
                var order: [(round: Int, turn: UInt64, ticket: Ticket)] = []
                for (client, list) in waiting.lists {
                    guard let turn = standings[rank][client]?.turn else { continue }
                    for (round, ticket) in list.tickets.enumerated() { order.append((round, turn, ticket)) }
                }
                order.sort { ($0.round, $0.turn) < ($1.round, $1.turn) }
                for (index, item) in order.enumerated() { places[item.ticket] = ahead + index + 1 }
                ahead += order.count
            }
        }
        return places
    }
}
