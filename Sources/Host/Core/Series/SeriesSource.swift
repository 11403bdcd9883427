/// A book as it is read: the steps that are kept, and those under way, which are found once for all questions.
struct SeriesSource {
    let book: SeriesBook
    /// Pairs with a step under way, all of them and by their backend's id.
    private var openPairs: [Int] = []
    private var openPairsOf: [String: [Int]] = [:]
    /// Backends with a step under way that is of no pair.
    private var openRests: [Int] = []
    /// When the steps under way began; nil: there are none.
    private var open: ClosedRange<Int64>?

    init(_ book: SeriesBook) {
        self.book = book
        for index in book.pairs.indices where book.pairs[index].open.isUsed {
            openPairs.append(index)
            openPairsOf[book.pairs[index].key.backend, default: []].append(index)
            note(book.pairs[index].open.second)
        }
        for index in book.backends.indices where book.backends[index].rest.isUsed {
            openRests.append(index)
            note(book.backends[index].rest.second)
        }
    }

    private mutating func note(_ second: Int64) {
        open = open.map { min($0.lowerBound, second)...max($0.upperBound, second) } ?? second...second
    }

    private func hasOpen(_ window: SeriesWindow, _ number: Int64) -> Bool {
        open.map { $0.lowerBound / window.step <= number && number <= $0.upperBound / window.step } ?? false
    }

    // MARK: Steps

    /// Calls with all that is known of a step of all exchanges.
    func forEachOfAll(_ window: SeriesWindow, _ number: Int64, _ body: (borrowing SeriesStep<64>) -> Void) {
        if let step = book.total[window][number], step.isUsed { body(step) }
        guard hasOpen(window, number) else { return }
        for index in openPairs { forOpen(book.pairs[index].open, window, number, body) }
        for index in openRests { forOpen(book.backends[index].rest, window, number, body) }
    }

    func forEach(
        ofBackend index: Int, _ window: SeriesWindow, _ number: Int64, _ body: (borrowing SeriesStep<64>) -> Void
    ) {
        if let step = book.backends[index].exchanges[window][number], step.isUsed { body(step) }
        guard hasOpen(window, number) else { return }
        forOpen(book.backends[index].rest, window, number, body)
        for pair in openPairsOf[book.backends[index].id] ?? [] { forOpen(book.pairs[pair].open, window, number, body) }
    }

    /// Calls with what is kept of a step of a pair, and with what is under way.
    func forEach(
        ofPair index: Int, _ window: SeriesWindow, _ number: Int64,
        kept: (borrowing SeriesStep<24>) -> Void, open: (borrowing SeriesStep<64>) -> Void
    ) {
        if let step = book.pairs[index].exchanges[window][number], step.isUsed { kept(step) }
        if hasOpen(window, number) { forOpen(book.pairs[index].open, window, number, open) }
    }

    /// Of what is of no pair.
    func forEachOfOtherPairs(
        _ window: SeriesWindow, _ number: Int64, _ body: (borrowing SeriesStep<64>) -> Void
    ) {
        if let step = book.otherPairs[window][number], step.isUsed { body(step) }
        guard hasOpen(window, number) else { return }
        for index in openRests { forOpen(book.backends[index].rest, window, number, body) }
    }

    /// Of backends that are not kept apart.
    func forEachOfOtherBackends(
        _ window: SeriesWindow, _ number: Int64, _ body: (borrowing SeriesStep<64>) -> Void
    ) {
        if let step = book.otherBackends[window][number], step.isUsed { body(step) }
        guard hasOpen(window, number) else { return }
        for index in openPairs where !book.isKept(backend: book.pairs[index].key.backend) {
            forOpen(book.pairs[index].open, window, number, body)
        }
    }

    private func forOpen(
        _ open: borrowing OpenStep, _ window: SeriesWindow, _ number: Int64,
        _ body: (borrowing SeriesStep<64>) -> Void
    ) {
        if open.lies(in: number, of: window) { body(open.step) }
    }
}
