/// Which exchanges are traced.
public struct TraceSampling: Sendable, Equatable {
    /// Of the traces that begin here, those whose id is below this share are recorded.
    private let threshold: UInt64

    /// - Parameter ratio: 0...1.
    public init(ratio: Double) {
        let share = ratio.isFinite ? min(max(0, ratio), 1) : 0
        threshold = share >= 1 ? .max : UInt64(share * 9_223_372_036_854_775_808)
    }

    /// Each system that goes by the same share decides the same of one trace.
    func takes(_ trace: TraceID) -> Bool { threshold == .max || trace.low >> 1 < threshold }
}

/// Where an exchange stands in a trace. Only where exchanges are traced is there one. An object: it is passed on with the record.
public final class ExchangeTrace: Sendable, Equatable {
    public let trace: TraceID
    /// Of the exchange as a whole.
    public let span: SpanID
    /// Of the caller; nil: the trace begins here.
    public let parent: SpanID?
    /// As `TraceParent.Flags`.
    public let flags: UInt8
    /// What other systems have put beside it; nil: nothing.
    public let state: String?

    public init(trace: TraceID, span: SpanID, parent: SpanID? = nil, flags: UInt8, state: String? = nil) {
        self.trace = trace
        self.span = span
        self.parent = parent
        self.flags = flags
        self.state = state
    }

    /// An exchange begins.
    /// - Parameters:
    ///   - fields: of the client. What is not valid counts as not there.
    ///   - sampling: decides where the caller does not.
    ///   - random: three numbers.
    public convenience init(
        _ fields: [HeaderField], sampling: TraceSampling, random: (UInt64, UInt64, UInt64)
    ) {
        // Zero, which names nothing, comes once in 2^64 times.
        let span = SpanID(random.2) ?? Self.anySpan
        if let parent = Self.parent(fields) {
            self.init(
                trace: parent.trace, span: span, parent: parent.span, flags: parent.flags,
                state: TraceState.passed(fields.filter { $0.name == Self.stateName }.map(\.value)))
        } else {
            let trace = TraceID(high: random.0, low: random.1) ?? Self.anyTrace
            self.init(
                trace: trace, span: span, flags: sampling.takes(trace) ? TraceParent.Flags.sampled : 0)
        }
    }

    static let parentName = "traceparent"
    static let stateName = "tracestate"
    private static let anySpan = SpanID(number: 1)
    private static let anyTrace = TraceID(low: 1)

    /// Of several that a client sends none is believed.
    private static func parent(_ fields: [HeaderField]) -> TraceParent? {
        let values = fields.lazy.filter { $0.name == parentName }
        guard let first = values.first, values.dropFirst().isEmpty else { return nil }
        return TraceParent(first.value)
    }

    /// It is recorded.
    public var isSampled: Bool { flags & TraceParent.Flags.sampled != 0 }

    /// Of one of its attempts.
    /// - Parameter number: which of them, from 0.
    public func attempt(_ number: Int) -> SpanID {
        // As SplitMix64 makes one number of another: no two of an exchange are alike, and none is the exchange's own.
        var mixed = span.number &+ (UInt64(truncatingIfNeeded: number) &+ 1) &* 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return SpanID(mixed ^ (mixed >> 31)) ?? Self.anySpan
    }

    /// What a backend is told instead of what the client said.
    /// - Parameters:
    ///   - fields: of the client.
    ///   - number: of the attempt, from 0.
    public func fields(_ fields: [HeaderField], attempt number: Int) -> [HeaderField] {
        var told: [HeaderField] = []
        told.reserveCapacity(fields.count + 2)
        let parent = TraceParent(trace: trace, span: attempt(number), flags: flags)
        told.append(HeaderField(name: Self.parentName, value: parent.text))
        if let state { told.append(HeaderField(name: Self.stateName, value: state)) }
        for field in fields where field.name != Self.parentName && field.name != Self.stateName { told.append(field) }
        return told
    }

    public static func == (one: ExchangeTrace, other: ExchangeTrace) -> Bool {
        one === other
            || (one.trace, one.span, one.parent, one.flags, one.state)
                == (other.trace, other.span, other.parent, other.flags, other.state)
    }
}

extension SpanID {
    fileprivate init(number: UInt64) { self.number = number }
}

extension TraceID {
    fileprivate init(low: UInt64) { (high, self.low) = (0, low) }
}
