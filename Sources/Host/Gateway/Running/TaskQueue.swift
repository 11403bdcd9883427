/// Pieces of Swift's tasks that wait for a thread or for their time, and how many threads there should be. Pure: times are the
/// caller's, nanoseconds of one clock that never goes back.
///
/// A few threads are enough while nothing blocks. Code of adapters may: when everything stands still for `patience`, one more
/// thread is asked for, up to a limit, and ends when it has nothing left to do.
struct TaskQueue<Job> {
    /// How long a piece may wait, while none is begun, until another thread is asked for.
    static var patience: UInt64 { 100_000_000 }

    private let few: Int
    private let limit: Int
    private var ready: [Job] = []
    /// Where the next one is in `ready`; what is before it has been taken.
    private var first = 0
    private var timers = TimerHeap<Job>()
    /// Threads, and those of them that run nothing.
    private(set) var threads = 0
    private var idle = 0
    /// Pieces begun since the next look was planned.
    private var begun = 0
    /// When to see whether threads are missing; nil: none were.
    private var nextLook: UInt64?

    /// - Parameters:
    ///   - few: threads that are started as they are needed, and stay. At least 1.
    ///   - limit: threads there may be when some of them block.
    init(few: Int, limit: Int) {
        self.few = max(1, few)
        self.limit = max(few, limit)
    }

    private var waiting: Int { ready.count - first }
    /// More pieces wait than there are threads for them.
    private var isShort: Bool { waiting > idle }

    // MARK: Adding

    /// What the caller has to do after adding a piece that is ready, beside waking one thread.
    enum Need {
        case nothing
        /// Start a thread (already counted; `threadFailed` if that fails).
        case thread
        /// `look`.
        case look
    }

    mutating func add(_ job: Job, now: UInt64) -> Need {
        ready.append(job)
        guard isShort else { return .nothing }
        if threads < few {
            countThread()
            return .thread
        }
        guard nextLook == nil else { return .nothing }
        begun = 0
        nextLook = now &+ Self.patience
        return .look
    }

    /// - Returns: true if it is the first to come, so that the keeper of time must be woken.
    mutating func add(_ job: Job, due: UInt64) -> Bool { timers.insert(job, due: due) }

    // MARK: Threads

    private mutating func countThread() {
        threads += 1
        idle += 1
    }

    /// A thread that was asked for could not be started. A look tries again.
    mutating func threadFailed() {
        threads -= 1
        idle -= 1
    }

    /// The next piece, for a thread that was woken. `finished` must follow.
    mutating func take() -> Job? {
        idle -= 1
        begun += 1
        guard first < ready.count else { return nil }
        let job = ready[first]
        first += 1
        // Each piece is moved once for every time that as many have been taken.
        if first == ready.count || first >= 1024 && first * 2 >= ready.count {
            ready.removeFirst(first)
            first = 0
        }
        return job
    }

    /// - Returns: whether the thread stays, to wait for the next piece.
    mutating func finished() -> Bool {
        if threads > few, waiting == 0 {
            threads -= 1
            return false
        }
        idle += 1
        return true
    }

    // MARK: Time

    struct Look {
        /// Pieces whose time has come: so many threads are to be woken.
        var due = 0
        /// Threads to start (already counted).
        var threads = 0
        /// When to look again; nil: when told.
        var next: UInt64?
    }

    /// Makes ready what is due, in the order of its times, and sees whether threads are missing.
    mutating func look(now: UInt64) -> Look {
        var look = Look()
        while let job = timers.removeFirst(due: now) {
            ready.append(job)
            look.due += 1
        }
        while isShort, threads < few {
            countThread()
            look.threads += 1
        }
        if let planned = nextLook, planned <= now {
            if isShort, begun == 0, threads < limit {
                countThread()
                look.threads += 1
            }
            nextLook = nil
        }
        // Threads that could not be started are missed again then.
        if isShort || look.threads > 0, nextLook == nil {
            begun = 0
            nextLook = now &+ Self.patience
        }
        look.next = [nextLook, timers.nextDue].compactMap { $0 }.min()
        return look
    }
}

/// What is to happen at its time; of what is due at the same time the first to come is the first to go. Pure.
struct TimerHeap<Item> {
    private struct Entry {
        let due: UInt64
        let order: UInt64
        let item: Item

        static func < (one: Entry, other: Entry) -> Bool { (one.due, one.order) < (other.due, other.order) }
    }

    private var entries: [Entry] = []
    private var inserted: UInt64 = 0

    var nextDue: UInt64? { entries.first?.due }

    /// - Returns: true if it is the next one now.
    mutating func insert(_ item: Item, due: UInt64) -> Bool {
        inserted &+= 1
        var place = entries.count
        entries.append(Entry(due: due, order: inserted, item: item))
        while place > 0, entries[place] < entries[(place - 1) / 2] {
            entries.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
        return place == 0
    }

    /// The next one, if it is due at that time.
    mutating func removeFirst(due now: UInt64) -> Item? {
        guard let next = entries.first, next.due <= now else { return nil }
        entries.swapAt(0, entries.count - 1)
        entries.removeLast()
        var place = 0
        while true {
            var smallest = place
            for child in [place * 2 + 1, place * 2 + 2]
            where child < entries.count && entries[child] < entries[smallest] {
                smallest = child
            }
            if smallest == place { return next.item }
            entries.swapAt(place, smallest)
            place = smallest
        }
    }
}
