/// Folds pictures of the gateway into the list of what is wrong. Pure, and bounded whatever the pictures hold.
///
/// A trouble begins when it has been found without interruption for as long as its kind says, and ends when it has not been
/// found for as long; once told, less is enough to find it. So nothing appears and vanishes at each look.
public struct TroubleFold: Sendable {
    /// What was found in a picture.
    struct Sighting {
        var trouble: Trouble
        /// Enough for a trouble that has been told to go on, not enough for one to begin.
        var isFaint = false
    }

    private struct Held {
        var trouble: Trouble
        var first: UInt64
        var last: UInt64
        var isTold: Bool
    }

    /// Sightings of one picture that are kept, the worst.
    static let sightingLimit = 1000

    private var held: [String: Held] = [:]
    private var finder = TroubleFinder()
    public private(set) var list = TroubleList()

    public init() {}

    /// Takes what is seen now. Pictures come in the order of their instants.
    /// - Returns: whether the list is another one now.
    @discardableResult public mutating func take(_ picture: TroublePicture) -> Bool {
        var sightings = finder.find(in: picture)
        if sightings.count > Self.sightingLimit {
            sightings.sort { Self.isBefore($0.trouble, $1.trouble) }
            sightings.removeLast(sightings.count - Self.sightingLimit)
        }
        var seen: Set<String> = []
        for sighting in sightings {
            seen.insert(sighting.trouble.id)
            take(sighting, now: picture.instant)
        }
        for (id, item) in held where !seen.contains(id) {
            let isOver = !item.isTold || picture.instant >= item.last &+ item.trouble.kind.endDelay
            if isOver { held[id] = nil }
        }
        let before = list
        list = makeList()
        return list != before
    }

    private mutating func take(_ sighting: Sighting, now: UInt64) {
        let id = sighting.trouble.id
        guard var item = held[id] else {
            guard !sighting.isFaint else { return }
            held[id] = Held(
                trouble: sighting.trouble, first: now, last: now, isTold: sighting.trouble.kind.beginDelay == 0)
            return
        }
        guard item.isTold || !sighting.isFaint else {
            held[id] = nil
            return
        }
        let since = item.trouble.since
        item.trouble = sighting.trouble
        // It goes on: that it began later than was said would be news.
        item.trouble.since = min(since, sighting.trouble.since)
        item.last = max(item.last, now)
        if now >= item.first &+ sighting.trouble.kind.beginDelay { item.isTold = true }
        held[id] = item
    }

    private func makeList() -> TroubleList {
        let told = held.values.filter(\.isTold).map(\.trouble)
        /// Backends of which worse is said than that some requests fail.
        let failing = Set(told.lazy.filter { $0.kind == .down || $0.kind == .breakerOpen }.compactMap(\.backendID))
        let isFull = told.contains { $0.kind == .queueFull }
        let shown = told.filter { trouble in
            switch trouble.kind {
            case .errorRate, .goingDown: !failing.contains(trouble.backendID ?? "")
            case .queueGrowing: !isFull
            default: true
            }
        }
        .sorted(by: Self.isBefore)
        return TroubleList(
            items: Array(shown.prefix(TroubleList.limit)), omitted: max(0, shown.count - TroubleList.limit))
    }

    private static func isBefore(_ one: Trouble, _ other: Trouble) -> Bool {
        (one.severity, one.kind.place, one.since, one.id) < (other.severity, other.kind.place, other.since, other.id)
    }
}

extension Trouble.Kind {
    private static let second: UInt64 = 1_000_000_000

    fileprivate var place: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    /// Nanoseconds for which it must be found before it is told. What has thresholds of its own is told at once.
    public var beginDelay: UInt64 {
        switch self {
        case .goingDown: 10 * Self.second
        case .errorRate, .queueGrowing: 3 * Self.second
        case .down, .breakerOpen, .flapping, .queueFull, .memoryShort, .descriptorsShort, .reloadFailed, .certificate,
            .stateFile, .historyFile, .collector, .capturesFile, .adapterMisbehaving, .adapterQuarantined,
            .adapterRefused, .resting:
            0
        }
    }

    /// Nanoseconds for which it must not be found before it is over.
    public var endDelay: UInt64 {
        switch self {
        case .errorRate, .queueGrowing, .queueFull, .memoryShort: 10 * Self.second
        case .down, .breakerOpen, .goingDown, .flapping, .descriptorsShort, .reloadFailed, .certificate, .stateFile,
            .historyFile, .collector, .capturesFile, .adapterMisbehaving, .adapterQuarantined, .adapterRefused,
            .resting:
            0
        }
    }
}
