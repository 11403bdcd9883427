import NIOCore

/// What became of each attempt, from the events of an exchange.
struct RouteFold {
    private(set) var steps: [RouteStep] = []
    private var starts: [NIODeadline] = []
    /// Which attempt is the exchange's.
    private var leading = 0

    init(count: Int) {
        steps.reserveCapacity(count)
        starts.reserveCapacity(count)
    }

    mutating func take(_ entry: Timeline.Entry) {
        switch entry.event {
        case .attemptStarted(let backend, let reason):
            if !reason.isHedge { leading = steps.count }
            steps.append(RouteStep(backend: backend, reason: reason))
            starts.append(entry.time)
        case .attemptLeads(let attempt): leading = attempt
        case .attemptLeft(let attempt):
            guard steps.indices.contains(attempt) else { return }
            steps[attempt].end = .hedgedAway
            steps[attempt].waitedMilliseconds = milliseconds(of: attempt, to: entry.time)
        case .firstByte:
            guard steps.indices.contains(leading) else { return }
            steps[leading].firstByteMilliseconds = milliseconds(of: leading, to: entry.time)
        case .attemptFailed(let failure):
            guard steps.indices.contains(failure.attempt) else { return }
            steps[failure.attempt].end = .failed
            steps[failure.attempt].failure = failure.message
            steps[failure.attempt].isBlamed = failure.isBlamed
        case .modelLeft(let model):
            for index in steps.indices where steps[index].model == nil { steps[index].model = model }
        case .ended(let end):
            guard end.status == .success, steps.indices.contains(leading), steps[leading].end == .open else { return }
            steps[leading].end = .answered
        case .arrived, .queued, .connected, .committed, .lastByte: break
        }
    }

    private func milliseconds(of attempt: Int, to time: NIODeadline) -> UInt64 {
        UInt64(max(0, (time - starts[attempt]).nanoseconds)) / 1_000_000
    }
}
