extension AdmissionQueue {
    /// Those of one rank in one lane.
    struct LaneRank: Sendable {
        var lists: [Client: TicketList] = [:]
        /// All of them, and those that rose into the rank, each in the order in which they came to it.
        var ages = TicketList()
        var risen = TicketList()
        private var order = TurnHeap()

        mutating func add(_ ticket: Ticket, serial: UInt64, client: Client, turn: UInt64, hasRisen: Bool) {
            ages.insert(ticket, serial)
            if hasRisen { risen.insert(ticket, serial) }
            if lists[client] == nil {
                // Those of clients that have gone stay until they come up; no more of them than of the others.
                if order.count > 2 * lists.count + 16 { order.keep { lists[$0] != nil } }
                order.push(TurnHeap.Item(turn: turn, client: client))
            }
            lists[client, default: TicketList()].insert(ticket, serial)
        }

        mutating func remove(serial: UInt64, client: Client) {
            ages.remove(serial)
            risen.remove(serial)
            lists[client]?.remove(serial)
            if lists[client]?.count == 0 { lists[client] = nil }
        }

        /// The oldest of the client whose turn it is.
        mutating func first(_ turnOf: (Client) -> UInt64?) -> (ticket: Ticket, turn: UInt64)? {
            while let top = order.top {
                guard let ticket = lists[top.client]?.first, let turn = turnOf(top.client) else {
                    order.removeTop()
                    continue
                }
                if top.turn == turn { return (ticket, turn) }
                order.replaceTop(TurnHeap.Item(turn: turn, client: top.client))
            }
            return nil
        }
    }

    /// Tickets in ascending order of their serial numbers.
    struct TicketList: Sendable {
        private var items: [(serial: UInt64, ticket: Ticket)] = []
        /// What stands before it is gone.
        private var head = 0

        var count: Int { items.count - head }
        var first: Ticket? { head < items.count ? items[head].ticket : nil }
        var tickets: some Sequence<Ticket> { items[head...].lazy.map(\.ticket) }

        /// At its place: one that comes back stands where it stood.
        mutating func insert(_ ticket: Ticket, _ serial: UInt64) {
            guard let last = items.last, last.serial > serial else { return items.append((serial, ticket)) }
            items.insert((serial, ticket), at: firstIndex(notBefore: serial))
        }

        /// Places from the first, from 0.
        func place(of serial: UInt64) -> Int? { index(of: serial).map { $0 - head } }

        mutating func remove(_ serial: UInt64) {
            guard let index = index(of: serial) else { return }
            guard index == head else {
                items.remove(at: index)
                return
            }
            head += 1
            guard head > 32, head * 2 > items.count else { return }
            items.removeFirst(head)
            head = 0
        }

        private func index(of serial: UInt64) -> Int? {
            let index = firstIndex(notBefore: serial)
            return index < items.count && items[index].serial == serial ? index : nil
        }

        private func firstIndex(notBefore serial: UInt64) -> Int {
            var (low, high) = (head, items.count)
            while low < high {
                let middle = (low + high) / 2
                if items[middle].serial < serial { low = middle + 1 } else { high = middle }
            }
            return low
        }
    }
}

/// Clients by their turns, the lowest first: a binary heap.
private struct TurnHeap: Sendable {
    struct Item: Sendable {
        var turn: UInt64
        var client: AdmissionQueue.Client
    }

    private var items: [Item] = []

    var count: Int { items.count }
    var top: Item? { items.first }

    mutating func push(_ item: Item) {
        items.append(item)
        var index = items.count - 1
        while index > 0, items[index].turn < items[(index - 1) / 2].turn {
            items.swapAt(index, (index - 1) / 2)
            index = (index - 1) / 2
        }
    }

    mutating func replaceTop(_ item: Item) {
        items[0] = item
        sink()
    }

    mutating func removeTop() {
        guard let last = items.popLast(), !items.isEmpty else { return }
        replaceTop(last)
    }

    mutating func keep(_ isKept: (AdmissionQueue.Client) -> Bool) {
        let kept = items.filter { isKept($0.client) }
        items = []
        for item in kept { push(item) }
    }

    private mutating func sink() {
        var index = 0
        while true {
            var least = index
            for child in (2 * index + 1)...(2 * index + 2) where child < items.count {
                if items[child].turn < items[least].turn { least = child }
            }
            guard least != index else { return }
            items.swapAt(index, least)
            index = least
        }
    }
}
