/// What has been used by a key, as it is kept for the next run of the gateway: the sums, and what counts for the limits of a day. A
/// minute is over before anybody could make use of it.
extension KeyUsage {
    /// Numbers before those of the slots.
    private static let fixed = 7

    /// - Parameters:
    ///   - now: nanoseconds of the monotonic clock.
    ///   - wall: Unix seconds.
    public func kept(of name: String, now: UInt64, wall: Int64) -> KeptFigure {
        state.withLock { state in
            state.advance(to: now)
            let (figures, requests, tokens) = (state.figures, state.requestsInDay.kept, state.tokensInDay.kept)
            var numbers = [
                Double(figures.requests), Double(figures.refused), Double(figures.promptTokens),
                Double(figures.completionTokens), Double(figures.lastUsed ?? 0), Double(wall), Double(requests.count),
            ]
            for (age, amount) in requests + tokens { numbers += [Double(age), Double(amount)] }
            return KeptFigure(scope: .key, name: name, numbers: numbers)
        }
    }

    /// Adds what runs before this one have counted; to be called once. What does not look like that is passed over.
    /// - Parameters:
    ///   - figure: may come from a file that anybody wrote.
    ///   - now: nanoseconds of the monotonic clock.
    ///   - wall: Unix seconds.
    public func restore(_ figure: KeptFigure, now: UInt64, wall: Int64) {
        let numbers = figure.numbers
        guard figure.scope == .key, numbers.count >= Self.fixed, (numbers.count - Self.fixed).isMultiple(of: 2) else {
            return
        }
        func sum(_ place: Int) -> UInt64 { UInt64(numbers[place].whole(in: 0...Int(Tally.limit))) }
        state.withLock { state in
            state.advance(to: now)
            state.figures.requests &+= sum(0)
            state.figures.refused &+= sum(1)
            state.figures.promptTokens &+= sum(2)
            state.figures.completionTokens &+= sum(3)
            let lastUsed = Int64(sum(4))
            if lastUsed > 0 { state.figures.lastUsed = max(state.figures.lastUsed ?? 0, lastUsed) }
            // Whole slots that have passed; a clock that was set back has none pass, so that a limit is kept rather than given twice.
            let seconds = max(0, wall - Int64(sum(5)))
            let passed = Int(clamping: seconds / Int64(state.requestsInDay.slotWidth / 1_000_000_000))
            let requests = Int(clamping: sum(6))
            for (index, place) in stride(from: Self.fixed, to: numbers.count, by: 2).enumerated() {
                let (age, overflow) = numbers[place].whole(in: 0...1_000_000).addingReportingOverflow(passed)
                guard !overflow else { continue }
                if index < requests {
                    state.requestsInDay.restore(sum(place + 1), age: age)
                } else {
                    state.tokensInDay.restore(sum(place + 1), age: age)
                }
            }
        }
    }
}

extension Keyring {
    /// What has been used by these keys, and by those of them that are in force no more; nil: by all.
    /// - Parameters: as of `KeyUsage.kept`.
    public func kept(of names: Set<String>?, now: UInt64, wall: Int64) -> [KeptFigure] {
        if let names, names.isEmpty { return [] }
        let all = gone.withLock { $0 } + keys.map { GoneKey(name: $0.name, usage: $0.usage) }
        return all.filter { names?.contains($0.name) ?? true }.map { $0.usage.kept(of: $0.name, now: now, wall: wall) }
    }

    /// Adds what runs before this one have counted; to be called once. Of keys that there are no more it is remembered.
    /// - Parameters: as of `KeyUsage.restore`.
    public func restore(_ kept: [KeptFigure], now: UInt64, wall: Int64) {
        gone.withLock { gone in
            var usages = Dictionary(
                (gone + keys.map { GoneKey(name: $0.name, usage: $0.usage) }).map { ($0.name, $0.usage) },
                uniquingKeysWith: { _, last in last })
            for figure in kept where figure.scope == .key {
                if usages[figure.name] == nil {
                    let usage = KeyUsage()
                    usages[figure.name] = usage
                    gone.append(GoneKey(name: figure.name, usage: usage))
                }
                usages[figure.name]?.restore(figure, now: now, wall: wall)
            }
            gone = Array(gone.suffix(Limits.gone))
        }
    }
}
