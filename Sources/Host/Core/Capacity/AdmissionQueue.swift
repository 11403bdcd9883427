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

        /// This one, or the highest that is allowed.
        public func capped(to highest: Priority) -> Priority { rank < highest.rank ? highest : self }
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
        /// Only backends whose names fit one of these patterns; empty: any.
        public var allowed: [String]
        /// Backends that it is not waited for at, by their ids, with what each told of the model when that was looked at: they
        /// cannot serve it, or less well than another. Who is not named may serve it, also one that comes up later or that tells
        /// something else by now.
        public var unfit: [String: ToldModel]
        /// The limit of models that it is under, by its pattern.
        public var limit: String?
        /// A backend that is not healthy now is waited for.
        public var waitsForRestart: Bool

        public init(
            model: String, kind: RequestKind, tried: [String] = [], backend: String? = nil,
            unfit: [String: ToldModel] = [:], limit: String? = nil, waitsForRestart: Bool = false,
            allowed: [String] = []
        ) {
            self.allowed = allowed
            self.backend = backend
            self.unfit = unfit
            self.model = model
            self.kind = kind
            self.tried = tried
            self.limit = limit
            self.waitsForRestart = waitsForRestart
        }
    }

    /// Tells clients apart: a hash of what a client shows of itself.
    public typealias Client = Int

    public struct Ticket: Hashable, Sendable { let number: UInt64 }

    public enum Entered: Sendable, Equatable {
        case waits(Ticket)
        /// This client has as many waiting as one may.
        case overShare
        /// As many wait as may.
        case full
    }

    struct Entry: Sendable {
        let client: Client
        var wants: Wants
        let entered: UInt64
        /// Where it waits now; it may have risen.
        var rank: Int
        /// Since when it has that rank.
        var since: UInt64
        /// Its number in the lists of that rank.
        var serial: UInt64
        /// It was woken and has not come back: it stands in no list, and its client's turn is what it was.
        var isAside = false
        /// It had a lower rank before.
        var hasRisen = false
    }

    /// One client at one rank, in all lanes.
    struct Standing: Sendable {
        var waiting: Int
        /// When it was last served, or came: lower comes first.
        var turn: UInt64
    }

    struct Lane: Sendable {
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
    /// For Retry-After, in seconds.
    public static let retryAfter = 1...60
    /// Seconds, where nothing tells how fast places become free.
    private static let unknownRetryAfter = 5
    fileprivate static let rankCount = 3

    /// Requests that may wait.
    public var maximumSize: Int
    /// In nanoseconds. Decides how fast requests rise; who is too late leaves by itself.
    public var maximumWait: UInt64

    private(set) var entries: [Ticket: Entry] = [:]
    private(set) var lanes: [Lane] = []
    private(set) var laneOf: [Wants: Int] = [:]
    private(set) var standings = [[Client: Standing]](repeating: [:], count: rankCount)
    private var waitingOf: [Client: Int] = [:]
    private var numbers: UInt64 = 0
    private var turns: UInt64 = 0
    private var serials: UInt64 = 0
    private var round: UInt64 = 1
    private var pace = AdmissionPace()

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
        var entry = Entry(client: client, wants: wants, entered: now, rank: priority.rank, since: now, serial: 0)
        takeTurn(&entry)
        list(entry, ticket, lane)
        return .waits(ticket)
    }

    /// Waits no longer. False: it did not wait.
    @discardableResult public mutating func leave(_ ticket: Ticket) -> Bool {
        guard let entry = entries.removeValue(forKey: ticket), let lane = laneOf[entry.wants] else { return false }
        if !entry.isAside { lanes[lane].ranks[entry.rank].remove(serial: entry.serial, client: entry.client) }
        giveUpTurn(entry)
        if let waiting = waitingOf[entry.client] { waitingOf[entry.client] = waiting > 1 ? waiting - 1 : nil }
        leaveLane(lane)
        return true
    }

    /// Has got a place: it leaves, and its client's turn is over.
    @discardableResult public mutating func serve(_ ticket: Ticket, now: UInt64) -> Bool {
        guard let entry = entries[ticket] else { return false }
        turns += 1
        standings[entry.rank][entry.client]?.turn = turns
        pace.note(now)
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
        lanes[lane].ranks[entry.rank].remove(serial: entry.serial, client: entry.client)
        entries[ticket]?.isAside = true
    }

    /// It has come back, and found nothing: it stands where it stood. False: it was not aside.
    public mutating func takeBack(_ ticket: Ticket) -> Bool {
        guard var entry = entries[ticket], entry.isAside, let lane = laneOf[entry.wants] else { return false }
        entry.isAside = false
        list(entry, ticket, lane)
        return true
    }

    /// It waits for something else from now on, and keeps what it has: when it came, its rank, its turn.
    public mutating func change(_ ticket: Ticket, to wants: Wants) {
        guard var entry = entries[ticket], entry.wants != wants, let old = laneOf[entry.wants] else { return }
        if !entry.isAside { lanes[old].ranks[entry.rank].remove(serial: entry.serial, client: entry.client) }
        leaveLane(old)
        entry.wants = wants
        let new = lane(of: wants)
        lanes[new].count += 1
        if entry.isAside { entries[ticket] = entry } else { list(entry, ticket, new) }
    }

    /// Seconds until one that has so many before it may be served, judged by how fast places became free lately.
    public func retryAfter(ahead: Int, now: UInt64) -> Int {
        let seconds = pace.seconds(for: ahead + 1, now: now) ?? Double(Self.unknownRetryAfter)
        return Int(min(max(seconds, Double(Self.retryAfter.lowerBound)), Double(Self.retryAfter.upperBound)))
    }

    // MARK: Keeping the lists

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

    private mutating func leaveLane(_ lane: Int) {
        lanes[lane].count -= 1
        if lanes[lane].count == 0 { removeLane(lane) }
    }

    /// It comes to its rank now, behind those that are there.
    private mutating func takeTurn(_ entry: inout Entry) {
        serials += 1
        entry.serial = serials
        if standings[entry.rank][entry.client] == nil {
            turns += 1
            standings[entry.rank][entry.client] = Standing(waiting: 0, turn: turns)
        }
        standings[entry.rank][entry.client]?.waiting += 1
    }

    private mutating func giveUpTurn(_ entry: Entry) {
        guard let standing = standings[entry.rank][entry.client] else { return }
        if standing.waiting > 1 {
            standings[entry.rank][entry.client]?.waiting -= 1
        } else {
            standings[entry.rank][entry.client] = nil
        }
    }

    private mutating func list(_ entry: Entry, _ ticket: Ticket, _ lane: Int) {
        entries[ticket] = entry
        lanes[lane].ranks[entry.rank].add(
            ticket, serial: entry.serial, client: entry.client,
            turn: standings[entry.rank][entry.client]?.turn ?? turns, hasRisen: entry.hasRisen)
    }

    /// Lets what has waited long enough rise.
    private mutating func raise(in lane: Int, now: UInt64) {
        let step = max(1, maximumWait / Self.ageingDivisor)
        for rank in stride(from: Self.rankCount - 1, to: 0, by: -1) {
            while let ticket = aged(rank, in: lane, by: step, now: now), var entry = entries[ticket] {
                lanes[lane].ranks[rank].remove(serial: entry.serial, client: entry.client)
                giveUpTurn(entry)
                entry.rank -= 1
                entry.since += step
                entry.hasRisen = true
                takeTurn(&entry)
                list(entry, ticket, lane)
            }
        }
    }

    /// One that has had its rank for long enough. Those that rose into it stand behind others that came later, and so are
    /// looked at by themselves.
    private func aged(_ rank: Int, in lane: Int, by step: UInt64, now: UInt64) -> Ticket? {
        let ranks = lanes[lane].ranks[rank]
        for ticket in [ranks.ages.first, ranks.risen.first] {
            guard let ticket, let since = entries[ticket]?.since, now > since, now - since >= step else { continue }
            return ticket
        }
        return nil
    }
}

extension [AdmissionQueue.Client: AdmissionQueue.Standing] {
    fileprivate func turn(_ client: AdmissionQueue.Client) -> UInt64? { self[client]?.turn }
}
