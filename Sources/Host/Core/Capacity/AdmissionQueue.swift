/// Who waits for a place, and whose turn it is. Pure: time comes in with each call, as nanoseconds of one monotonic clock.
///
/// Requests that the same places can serve wait in one lane, so that the first of a lane stands for all of it. Within a
/// priority the clients take turns, each with its oldest request: no client waits while another of equal rank is served
/// twice. What has waited for a while rises to the next priority, so that none starves. A step costs the logarithm of the
/// number of clients, and looks at the first of each lane.
public struct AdmissionQueue: Sendable {
    public enum Priority: String, Sendable, CaseIterable {
        case high, normal, low

        fileprivate var rank: Int {
            switch self {
            case .high: 0
            case .normal: 1
            case .low: 2
            }
        }
    }

    /// What a request waits for.
    public struct Wants: Hashable, Sendable {
        /// The name at the backends; empty: one that no backend lists.
        public var model: String
        public var kind: RequestKind
        /// Backends that are not asked again.
        public var tried: [String]
        /// Only the backend with this name; nil: any.
        public var backend: String?
        /// Only the backends with these ids, which fit it best; nil: any.
        public var only: [String]?
        /// The limit of models that it is under, by its pattern.
        public var limit: String?
        /// A backend that is not healthy now is waited for.
        public var waitsForRestart: Bool

        public init(
            model: String, kind: RequestKind, tried: [String] = [], backend: String? = nil, only: [String]? = nil,
            limit: String? = nil, waitsForRestart: Bool = false
        ) {
            self.backend = backend
            self.only = only
            self.model = model
            self.kind = kind
            self.tried = tried
            self.limit = limit
            self.waitsForRestart = waitsForRestart
        }
    }

    /// Tells clients apart: a hash of what a client shows of itself.
    public typealias Client = Int

    public struct Ticket: Hashable, Sendable { fileprivate let number: UInt64 }

    public enum Entered: Sendable, Equatable {
        case waits(Ticket)
        /// This client has as many waiting as one may.
        case overShare
        /// As many wait as may.
        case full
    }

    private struct Entry: Sendable {
        let client: Client
        let wants: Wants
        let entered: UInt64
        /// Where it waits now; it may have risen.
        var rank: Int
        /// Since when it has that rank.
        var since: UInt64
        /// Its number in the lists of that rank.
        var serial: UInt64
        /// It was woken and has not come back: it stands in no list.
        var isAside = false
    }

    /// One client at one rank, in all lanes.
    fileprivate struct Standing: Sendable {
        var waiting: Int
        /// When it was last served, or came: lower comes first.
        var turn: UInt64
    }

    private struct Lane: Sendable {
        let wants: Wants
        var ranks = [LaneRank](repeating: LaneRank(), count: rankCount)
        var count = 0
        /// The round in which its first found no place.
        var passedOver: UInt64 = 0
    }

    /// Of the size, what one client may have waiting: this part, and at least one.
    public static let shareDivisor = 2
    /// Of the longest wait, after what part a request rises by one priority.
    public static let ageingDivisor: UInt64 = 4
    /// The last so many admissions tell how fast places become free.
    private static let pace = 32
    /// For Retry-After, in seconds.
    public static let retryAfter = 1...60
    /// Seconds, where nothing tells how fast places become free.
    private static let unknownRetryAfter = 5
    private static let rankCount = 3

    /// Requests that may wait.
    public var maximumSize: Int
    /// In nanoseconds. Decides how fast requests rise; who is too late leaves by itself.
    public var maximumWait: UInt64

    private var entries: [Ticket: Entry] = [:]
    private var lanes: [Lane] = []
    private var laneOf: [Wants: Int] = [:]
    private var standings = [[Client: Standing]](repeating: [:], count: rankCount)
    private var waitingOf: [Client: Int] = [:]
    private var numbers: UInt64 = 0
    private var turns: UInt64 = 0
    private var serials: UInt64 = 0
    private var round: UInt64 = 1
    private var served: [UInt64] = []
    private var nextServed = 0

    public init(maximumSize: Int, maximumWait: UInt64) {
        self.maximumSize = maximumSize
        self.maximumWait = maximumWait
    }

    public var count: Int { entries.count }
    public var share: Int { max(1, maximumSize / Self.shareDivisor) }
    /// Whether somebody waits for just that.
    public func isWaiting(for wants: Wants) -> Bool { laneOf[wants] != nil }
    public func contains(_ ticket: Ticket) -> Bool { entries[ticket] != nil }
    /// When it came.
    public func arrival(of ticket: Ticket) -> UInt64? { entries[ticket]?.entered }

    // MARK: Coming and going

    public mutating func enter(client: Client, priority: Priority, wants: Wants, now: UInt64) -> Entered {
        let waiting = waitingOf[client] ?? 0
        guard waiting < share else { return .overShare }
        guard entries.count < maximumSize else { return .full }
        waitingOf[client] = waiting + 1
        numbers += 1
        let ticket = Ticket(number: numbers)
        let lane = lane(of: wants)
        lanes[lane].count += 1
        add(
            Entry(client: client, wants: wants, entered: now, rank: priority.rank, since: now, serial: 0), ticket, lane)
        return .waits(ticket)
    }

    /// Waits no longer. False: it did not wait.
    @discardableResult public mutating func leave(_ ticket: Ticket) -> Bool {
        guard let entry = entries.removeValue(forKey: ticket), let lane = laneOf[entry.wants] else { return false }
        if !entry.isAside { take(entry, from: lane) }
        if let waiting = waitingOf[entry.client] { waitingOf[entry.client] = waiting > 1 ? waiting - 1 : nil }
        lanes[lane].count -= 1
        if lanes[lane].count == 0 { removeLane(lane) }
        return true
    }

    /// Has got a place: it leaves, and its client's turn is over.
    @discardableResult public mutating func serve(_ ticket: Ticket, now: UInt64) -> Bool {
        guard let entry = entries[ticket] else { return false }
        turns += 1
        standings[entry.rank][entry.client]?.turn = turns
        note(now)
        return leave(ticket)
    }

    // MARK: Whose turn it is

    /// Places may have become free: those that found none may look again.
    public mutating func beginRound() { round += 1 }

    /// Which round it is, for `passOver`.
    public var currentRound: UInt64 { round }

    /// Whose turn it is, of those that may find a place; it goes on waiting until it is served or leaves.
    /// - Parameter mayFind: whether there may be a place for that.
    public mutating func next(now: UInt64, mayFind: (Wants) -> Bool) -> Ticket? {
        var best: (rank: Int, turn: UInt64, ticket: Ticket)?
        for lane in lanes.indices where lanes[lane].passedOver < round {
            raise(in: lane, now: now)
            for rank in 0..<Self.rankCount {
                guard let first = lanes[lane].ranks[rank].first(standings[rank].turn) else { continue }
                if best.map({ (rank, first.turn) < ($0.rank, $0.turn) }) ?? true, mayFind(lanes[lane].wants) {
                    best = (rank, first.turn, first.ticket)
                }
                break
            }
        }
        return best?.ticket
    }

    /// It found no place, and nobody of its lane does in this round.
    public mutating func passOver(_ ticket: Ticket, round: UInt64) {
        guard let entry = entries[ticket], let lane = laneOf[entry.wants] else { return }
        lanes[lane].passedOver = max(lanes[lane].passedOver, round)
    }

    /// It was woken and does not come back yet: the next of its lane may have what it was woken for.
    public mutating func setAside(_ ticket: Ticket) {
        guard let entry = entries[ticket], !entry.isAside, let lane = laneOf[entry.wants] else { return }
        take(entry, from: lane)
        entries[ticket]?.isAside = true
    }

    /// It has come back, and found nothing. False: it was not aside.
    public mutating func takeBack(_ ticket: Ticket) -> Bool {
        guard var entry = entries[ticket], entry.isAside, let lane = laneOf[entry.wants] else { return false }
        entry.isAside = false
        add(entry, ticket, lane)
        return true
    }

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

    /// Seconds until one that has so many before it may be served, judged by how fast places became free lately.
    public func retryAfter(ahead: Int, now: UInt64) -> Int {
        guard served.count > 1 else { return Self.unknownRetryAfter }
        let oldest = served.count < Self.pace ? served[0] : served[nextServed]
        let span = Double(now > oldest ? now - oldest : 1)
        let seconds = (Double(ahead + 1) * span / Double(served.count - 1) / 1e9).rounded(.up)
        return Int(min(max(seconds, Double(Self.retryAfter.lowerBound)), Double(Self.retryAfter.upperBound)))
    }

    // MARK: Keeping the lists

    private mutating func note(_ now: UInt64) {
        if served.count < Self.pace {
            served.append(now)
        } else {
            served[nextServed] = now
            nextServed = (nextServed + 1) % Self.pace
        }
    }

    private mutating func lane(of wants: Wants) -> Int {
        if let lane = laneOf[wants] { return lane }
        lanes.append(Lane(wants: wants))
        laneOf[wants] = lanes.count - 1
        return lanes.count - 1
    }

    private mutating func removeLane(_ lane: Int) {
        laneOf[lanes[lane].wants] = nil
        let last = lanes.removeLast()
        guard lane < lanes.count else { return }
        lanes[lane] = last
        laneOf[last.wants] = lane
    }

    private mutating func add(_ given: Entry, _ ticket: Ticket, _ lane: Int) {
        var entry = given
        serials += 1
        entry.serial = serials
        entries[ticket] = entry
        if standings[entry.rank][entry.client] == nil {
            turns += 1
            standings[entry.rank][entry.client] = Standing(waiting: 0, turn: turns)
        }
        standings[entry.rank][entry.client]?.waiting += 1
        let turn = standings[entry.rank][entry.client]?.turn ?? turns
        lanes[lane].ranks[entry.rank].add(ticket, serial: entry.serial, client: entry.client, turn: turn)
    }

    private mutating func take(_ entry: Entry, from lane: Int) {
        lanes[lane].ranks[entry.rank].remove(serial: entry.serial, client: entry.client)
        guard let standing = standings[entry.rank][entry.client] else { return }
        if standing.waiting > 1 {
            standings[entry.rank][entry.client]?.waiting -= 1
        } else {
            standings[entry.rank][entry.client] = nil
        }
    }

    /// Lets what has waited long enough rise.
    private mutating func raise(in lane: Int, now: UInt64) {
        let step = max(1, maximumWait / Self.ageingDivisor)
        for rank in stride(from: Self.rankCount - 1, to: 0, by: -1) {
            while let ticket = lanes[lane].ranks[rank].ages.first, var entry = entries[ticket],
                now > entry.since, now - entry.since >= step
            {
                take(entry, from: lane)
                entry.rank -= 1
                entry.since += step
                add(entry, ticket, lane)
            }
        }
    }

    /// Those of one rank in one lane.
    private struct LaneRank: Sendable {
        var lists: [Client: TicketList] = [:]
        var ages = TicketList()
        private var order = TurnHeap()

        mutating func add(_ ticket: Ticket, serial: UInt64, client: Client, turn: UInt64) {
            ages.append(ticket, serial)
            if lists[client] == nil {
                // Those of clients that have gone stay until they come up; no more of them than of the others.
                if order.count > 2 * lists.count + 16 { order.keep { lists[$0] != nil } }
                order.push(TurnHeap.Item(turn: turn, client: client))
            }
            lists[client, default: TicketList()].append(ticket, serial)
        }

        mutating func remove(serial: UInt64, client: Client) {
            ages.remove(serial)
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
    private struct TicketList: Sendable {
        private var items: [(serial: UInt64, ticket: Ticket)] = []
        /// What stands before it is gone.
        private var head = 0

        var count: Int { items.count - head }
        var first: Ticket? { head < items.count ? items[head].ticket : nil }
        var tickets: some Sequence<Ticket> { items[head...].lazy.map(\.ticket) }

        mutating func append(_ ticket: Ticket, _ serial: UInt64) { items.append((serial, ticket)) }

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
            var (low, high) = (head, items.count)
            while low < high {
                let middle = (low + high) / 2
                if items[middle].serial < serial { low = middle + 1 } else { high = middle }
            }
            return low < items.count && items[low].serial == serial ? low : nil
        }
    }
}

extension [AdmissionQueue.Client: AdmissionQueue.Standing] {
    fileprivate func turn(_ client: AdmissionQueue.Client) -> UInt64? { self[client]?.turn }
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
