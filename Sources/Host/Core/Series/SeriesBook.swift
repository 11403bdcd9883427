/// The series of everything that is kept apart: all exchanges, each backend, each model at each backend. Pure. Bounded for any
/// fleet: what there is no room for is counted with the others.
struct SeriesBook: Sendable {
    /// A model at a backend.
    struct Key: Hashable {
        /// Its name at the backends.
        var model: String
        /// Its id.
        var backend: String

        /// Looked up for each exchange. Both are names that operators chose, so that nobody gains from making them collide.
        func hash(into hasher: inout Hasher) { hasher.combine(Self.mixed(model, Self.mixed(backend, 0))) }

        /// Eight bytes at a time.
        private static func mixed(_ text: String, _ before: UInt64) -> UInt64 {
            var (text, mixed) = (text, before)
            text.withUTF8 { bytes in
                let bytes = UnsafeRawBufferPointer(bytes)
                var offset = 0
                while offset + 8 < bytes.count {
                    mixed = fold(mixed, bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                    offset += 8
                }
                var rest: UInt64 = 0
                if bytes.count >= 8 {
                    rest = bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
                } else {
                    for byte in bytes { rest = rest << 8 | UInt64(byte) }
                }
                mixed = fold(mixed, rest ^ UInt64(bytes.count) << 56)
            }
            return mixed
        }

        private static func fold(_ mixed: UInt64, _ word: UInt64) -> UInt64 {
            let product = (mixed ^ word).multipliedFullWidth(by: 0x9E37_79B9_7F4A_7C15)
            return product.high ^ product.low
        }
    }

    /// Backends that are kept apart.
    static let backendLimit = 64
    /// Models at backends that are kept apart: 20 at each of 50.
    static let pairLimit = 1000
    /// Bytes of a name; what has a longer one is counted with the others.
    static let nameLimit = 256
    /// One that was used within so many seconds makes no room for another.
    static let keptSeconds: Int64 = 300
    /// A clock that is set back further than this, in seconds, has the steps after it forgotten.
    static let rewindSeconds: Int64 = 60

    /// Of all exchanges and of a backend: values within a step that differ by up to 256 times are told to 4.4 percent, up to
    /// 65,536 times to 9 percent.
    typealias Wide = ExchangeRings<64>
    /// Of a model at a backend: up to 8 times to 4.4 percent, up to 64 times to 9 percent, up to 4,096 times to 19 percent.
    typealias Narrow = ExchangeRings<24>

    struct Backend: Sendable {
        var id: String
        var exchanges = Wide()
        /// Those under way that are of no pair.
        var rest = OpenStep()
        var inFlight = StepRings<GaugeStep>()
        var lastUsed: Int64 = 0
        /// From when on all is known of it, in Unix seconds; 0: nothing was ever counted elsewhere.
        var knownFrom: Int64
    }

    struct Pair: Sendable {
        var key: Key
        var exchanges = Narrow()
        var open = OpenStep()
        /// As of a backend.
        var knownFrom: Int64
    }

    private(set) var total = Wide()
    /// When the gateway ran: looks at gauges, one a second. Attempts in flight at all backends.
    private(set) var inFlight = StepRings<GaugeStep>()
    private(set) var queued = StepRings<GaugeStep>()
    private(set) var backends: ContiguousArray<Backend> = []
    private(set) var pairs: ContiguousArray<Pair> = []
    /// Exchanges that are of no pair: no backend has the model they asked for, or there was no room.
    private(set) var otherPairs = Wide()
    /// Those of backends for which there was no room.
    private(set) var otherBackends = Wide()
    /// Backends and pairs that made room and were counted with the others from then on.
    private(set) var folded: UInt64 = 0
    /// Exchanges that had no room in a series of their own.
    private(set) var crowded: UInt64 = 0

    private var backendIndices: [String: Int] = [:]
    private var pairIndices: [Key: Int] = [:]
    /// The last that were used, which are often the next.
    private var lastPair = 0
    /// The newest second at which the clock was looked at.
    private var newest: Int64 = 0
    private var random = SeededRandom(seed: 1)

    init() {}

    // MARK: Taking

    /// Takes an exchange that has ended.
    /// - Parameter entry: read in place, since a copy of an entry is a dozen counts of references.
    mutating func add(_ entry: UnsafePointer<HistoryEntry>) {
        let note = SeriesNote(entry)
        let second = SeriesWindow.sensible(entry.pointee.timestamp)
        let isKnown = entry.pointee.knownModel != nil
        if isKnown, let index = openPair(entry.pointee.knownModel, entry.pointee.backendID, at: second) {
            pairs[index].open.add(note, random: &random)
        } else {
            if isKnown { crowded += 1 }
            addRest(
                entry.pointee.backendID, at: second, { $0.add(note, random: &$1) }, { $0.add(note, random: &$1) })
        }
        if !entry.pointee.route.isEmpty {
            addFailures(of: entry.pointee.route, entry.pointee.knownModel, at: second)
        }
    }

    mutating func add(_ entry: HistoryEntry) { withUnsafePointer(to: entry) { add($0) } }

    private mutating func addFailures(of route: [RouteStep], _ knownModel: String?, at second: Int64) {
        for step in route where step.failure != nil && step.isBlamed {
            if let index = openPair(step.model ?? knownModel, step.backend, at: second) {
                pairs[index].open.addFailedAttempt()
            } else {
                addRest(
                    step.backend, at: second, { open, _ in open.addFailedAttempt() },
                    { step, _ in step.sums.addFailedAttempt() })
            }
        }
    }

    /// Adds what is of no pair.
    /// - Parameters:
    ///   - toOpen: adds to the step under way of the backend.
    ///   - toStep: adds to each series by itself, where there is none of the backend.
    private mutating func addRest(
        _ id: String, at second: Int64, _ toOpen: (inout OpenStep, inout SeededRandom) -> Void,
        _ toStep: (inout SeriesStep<64>, inout SeededRandom) -> Void
    ) {
        guard let index = backend(id, at: second) else {
            crowded += 1
            total.update(at: second) { toStep(&$0, &random) }
            otherBackends.update(at: second) { toStep(&$0, &random) }
            otherPairs.update(at: second) { toStep(&$0, &random) }
            return
        }
        if second / OpenStep.seconds > backends[index].rest.number { closeRest(index, second / OpenStep.seconds) }
        toOpen(&backends[index].rest, &random)
    }

    /// The place of a model at a backend, with the step under way in which a second lies; nil: there is no room.
    private mutating func openPair(_ model: String?, _ backend: String, at second: Int64) -> Int? {
        guard let model, let index = pair(model, backend, at: second) else { return nil }
        if second / OpenStep.seconds > pairs[index].open.number { close(index, second / OpenStep.seconds) }
        return index
    }

    // MARK: Closing steps

    /// Has all series take what was under way in a pair, and begins another step.
    private mutating func close(_ index: Int, _ number: Int64) {
        let open = pairs[index].open
        pairs[index].open.begin(number)
        guard open.isUsed else { return }
        pairs[index].exchanges.take(open, random: &random)
        total.take(open, random: &random)
        takeOfBackend(open, pairs[index].key.backend)
    }

    /// The same for what is of no pair.
    private mutating func closeRest(_ index: Int, _ number: Int64) {
        let open = backends[index].rest
        backends[index].rest.begin(number)
        guard open.isUsed else { return }
        otherPairs.take(open, random: &random)
        total.take(open, random: &random)
        backends[index].exchanges.take(open, random: &random)
        backends[index].lastUsed = max(backends[index].lastUsed, open.second)
    }

    private mutating func takeOfBackend(_ open: OpenStep, _ id: String) {
        guard let index = backend(id, at: open.second) else {
            otherBackends.take(open, random: &random)
            return
        }
        backends[index].exchanges.take(open, random: &random)
        backends[index].lastUsed = max(backends[index].lastUsed, open.second)
    }

    /// Closes the steps that are over.
    private mutating func closeAll(before number: Int64) {
        for index in pairs.indices where pairs[index].open.isUsed && pairs[index].open.number < number {
            close(index, number)
        }
        for index in backends.indices where backends[index].rest.isUsed && backends[index].rest.number < number {
            closeRest(index, number)
        }
    }

    // MARK: Gauges

    /// Takes what gauges show; to be called about once a second.
    /// - Parameters:
    ///   - second: now, in Unix seconds.
    ///   - queued: requests that wait for a place.
    ///   - inFlight: attempts by backend.
    mutating func sample(at second: Int64, queued waiting: Int, inFlight counts: [(backend: String, count: Int)]) {
        let second = SeriesWindow.sensible(second)
        if second < newest - Self.rewindSeconds { rewind(to: second) }
        newest = max(newest, second)
        closeAll(before: second / OpenStep.seconds)
        inFlight.update(at: second) { $0.add(counts.reduce(0) { $0 + $1.count }) }
        queued.update(at: second) { $0.add(waiting) }
        for (id, count) in counts {
            guard let index = backendIndices[id] ?? added(id, at: second) else { continue }
            backends[index].inFlight.update(at: second) { $0.add(count) }
        }
    }

    /// Where nothing has to make room.
    private mutating func added(_ id: String, at second: Int64) -> Int? {
        backends.count < Self.backendLimit ? backend(id, at: second) : nil
    }

    private mutating func rewind(to second: Int64) {
        newest = second
        total.rewind(to: second)
        inFlight.rewind(to: second)
        queued.rewind(to: second)
        otherPairs.rewind(to: second)
        otherBackends.rewind(to: second)
        for index in backends.indices {
            backends[index].exchanges.rewind(to: second)
            backends[index].rest.rewind(to: second)
            backends[index].inFlight.rewind(to: second)
            backends[index].lastUsed = min(backends[index].lastUsed, second)
            backends[index].knownFrom = min(backends[index].knownFrom, second)
        }
        for index in pairs.indices {
            pairs[index].exchanges.rewind(to: second)
            pairs[index].open.rewind(to: second)
            pairs[index].knownFrom = min(pairs[index].knownFrom, second)
        }
    }

    // MARK: Room

    /// The place of a backend; nil: there is no room.
    private mutating func backend(_ id: String, at second: Int64) -> Int? {
        if let index = backendIndices[id] { return index }
        guard id.utf8.count <= Self.nameLimit else { return nil }
        let index: Int
        if backends.count < Self.backendLimit {
            index = backends.count
            backends.append(Backend(id: id, knownFrom: isWhole ? 0 : second))
        } else {
            guard let oldest = Self.oldest(backends, before: second, { $0.lastUsed }) else { return nil }
            index = oldest
            closeRest(index, 0)
            otherBackends.merge(backends[index].exchanges, random: &random)
            backendIndices[backends[index].id] = nil
            folded += 1
            backends[index] = Backend(id: id, knownFrom: second)
        }
        backendIndices[id] = index
        return index
    }

    /// The place of a model at a backend; nil: there is no room.
    private mutating func pair(_ model: String, _ backend: String, at second: Int64) -> Int? {
        if lastPair < pairs.count, pairs[lastPair].key.model == model, pairs[lastPair].key.backend == backend {
            return lastPair
        }
        let key = Key(model: model, backend: backend)
        if let index = pairIndices[key] {
            lastPair = index
            return index
        }
        guard model.utf8.count <= Self.nameLimit, backend.utf8.count <= Self.nameLimit else { return nil }
        // So that it is told of before the step is over.
        _ = self.backend(backend, at: second)
        let index: Int
        if pairs.count < Self.pairLimit {
            index = pairs.count
            pairs.append(Pair(key: interned(key), knownFrom: isWhole ? 0 : second))
        } else {
            guard let oldest = Self.oldest(pairs, before: second, { $0.open.second }) else { return nil }
            index = oldest
            close(index, 0)
            otherPairs.merge(pairs[index].exchanges, random: &random)
            pairIndices[pairs[index].key] = nil
            folded += 1
            pairs[index] = Pair(key: interned(key), knownFrom: second)
        }
        pairIndices[key] = index
        lastPair = index
        return index
    }

    /// With the backend's id as it stands there, so that it takes no memory of its own.
    private func interned(_ key: Key) -> Key {
        backendIndices[key.backend].map { Key(model: key.model, backend: backends[$0].id) } ?? key
    }

    /// Nothing that is kept apart now was ever counted with the others.
    private var isWhole: Bool { folded == 0 && crowded == 0 }

    /// The one that was not used for longest, if that is long enough.
    private static func oldest<Series>(
        _ series: ContiguousArray<Series>, before second: Int64, _ lastUsed: (Series) -> Int64
    ) -> Int? {
        var found: (index: Int, used: Int64)?
        for (index, one) in series.enumerated() where found.map({ lastUsed(one) < $0.used }) ?? true {
            found = (index, lastUsed(one))
        }
        guard let found, found.used < second - keptSeconds else { return nil }
        return found.index
    }

    /// Whether a backend is kept apart.
    func isKept(backend id: String) -> Bool { backendIndices[id] != nil }

    // MARK: Memory

    /// Bytes that it takes now.
    var bytes: Int {
        let fixed =
            MemoryLayout<SeriesBook>.stride + total.bytes + otherPairs.bytes + otherBackends.bytes + inFlight.bytes
            + queued.bytes + backends.capacity * MemoryLayout<Backend>.stride
            + pairs.capacity * MemoryLayout<Pair>.stride
            + backendIndices.capacity * Self.indexBytes + pairIndices.capacity * Self.indexBytes
        let ofBackends = backends.reduce(0) {
            $0 + $1.exchanges.bytes + $1.inFlight.bytes + Self.bytes(ofName: $1.id)
        }
        return pairs.reduce(fixed + ofBackends) {
            $0 + $1.exchanges.bytes + Self.bytes(ofName: $1.key.model)
        }
    }

    /// The most bytes that it takes for any fleet, whatever is asked of it.
    static var mostBytes: Int {
        let gauges = StepRings<GaugeStep>.mostBytes
        let name = nameLimit + nameHeader
        return MemoryLayout<SeriesBook>.stride + 3 * Wide.mostBytes + 2 * gauges
            + backendLimit * (Wide.mostBytes + gauges + name) + places(backendLimit, of: Backend.self)
            + pairLimit * (Narrow.mostBytes + name) + places(pairLimit, of: Pair.self)
    }

    /// Bytes of an array and a table with so many: both grow by doubling, and a table leaves a quarter free.
    private static func places<Series>(_ count: Int, of: Series.Type) -> Int {
        var capacity = 1
        while capacity < count { capacity *= 2 }
        return capacity * MemoryLayout<Series>.stride + 2 * capacity * indexBytes
    }

    /// Of a place in a table that finds a series by its name.
    private static let indexBytes = MemoryLayout<Key>.stride + MemoryLayout<Int>.stride + 1
    private static let nameHeader = 48
    private static func bytes(ofName name: String) -> Int { name.utf8.count > 15 ? name.utf8.count + nameHeader : 0 }
}
