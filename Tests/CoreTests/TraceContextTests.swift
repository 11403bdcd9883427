import Testing

@testable import Core

private let trace = "4bf92f3577b34da6a3ce929d0e0e4736"
private let span = "00f067aa0ba902b7"

@Suite struct TraceContextTests {
    @Test(arguments: [
        ("00-\(trace)-\(span)-01", "00-\(trace)-\(span)-01"), ("00-\(trace)-\(span)-00", "00-\(trace)-\(span)-00"),
        // Flags that nobody knows are not passed on; that the id is random is.
        ("00-\(trace)-\(span)-ff", "00-\(trace)-\(span)-03"),
        // A later version, with and without more behind it.
        ("cc-\(trace)-\(span)-01", "00-\(trace)-\(span)-01"),
        ("cc-\(trace)-\(span)-01-what-the-future-holds", "00-\(trace)-\(span)-01"),
        (
            "00-00000000000000000000000000000001-0000000000000001-01",
            "00-00000000000000000000000000000001-0000000000000001-01"
        ),
    ])
    func aValidParentIsRead(_ text: String, _ written: String) {
        #expect(TraceParent(text)?.text == written)
    }

    @Test(arguments: [
        "", "00", "00-1-2-01", "00-\(trace)-\(span)", "00-\(trace)-\(span)-1", "00-\(trace)-\(span)-01-",
        "00-\(trace)-\(span)-01.",
        "ff-\(trace)-\(span)-01", "0-\(trace)-\(span)-01", "0x-\(trace)-\(span)-01", "cc-\(trace)-\(span)-01.more",
        "00-\(trace.uppercased())-\(span)-01", "00-\(trace)-\(span.uppercased())-01", "00-\(trace)-\(span)-0A",
        "00-00000000000000000000000000000000-\(span)-01", "00-\(trace)-0000000000000000-01", "00_\(trace)-\(span)-01",
        "00-\(trace)-\(span)-0g", " 00-\(trace)-\(span)-01", "00-\(trace)-\(span)-01 ",
        "00-é\(trace.dropFirst(2))-\(span)-01",
    ])
    func whatIsNoParentIsNone(_ text: String) {
        #expect(TraceParent(text) == nil)
    }

    @Test(
        arguments: [
            (["a=1"], "a=1"), (["a=1,b@c=2"], "a=1,b@c=2"), (["a=1 ,\t b= x"], "a=1,b= x"),
            (["a=1", "b=2"], "a=1,b=2"),
            (["a=1,,", ""], "a=1"), (["0k_-*/=~"], "0k_-*/=~"), ([""], nil), ([], nil), ([","], nil),
            (["a"], nil), (["a="], nil), (["=1"], nil), (["A=1"], nil), (["a=1,a=2"], nil), (["a=1=2"], nil),
            (["a=é"], nil),
            (["a@b@c=1"], nil), (["@a=1"], nil), (["a@=1"], nil), (["a=1;b"], "a=1;b"), (["_a=1"], nil),
        ] as [([String], String?)])
    func aStateIsPassedOnOrDroppedWhole(_ fields: [String], _ passed: String?) {
        #expect(TraceState.passed(fields) == passed)
    }

    @Test func aStateIsBounded() {
        let members = (0..<32).map { "k\($0)=v" }
        #expect(TraceState.passed(members) == members.joined(separator: ","))
        #expect(TraceState.passed(members + ["one=more"]) == nil)
        #expect(TraceState.passed(["a=" + String(repeating: "x", count: 257)]) == nil)

        // The long ones go first, then the last.
        let long = "long=" + String(repeating: "x", count: 200)
        let short = (0..<9).map { "k\($0)=" + String(repeating: "y", count: 60) }
        let passed = TraceState.passed([long] + short) ?? ""
        #expect(passed == short.dropLast().joined(separator: ",") && passed.utf8.count <= TraceState.limit)
        #expect(TraceState.passed([long, "a=1"]) == long + ",a=1")
    }

    private func begun(_ fields: [HeaderField], ratio: Double = 1) -> ExchangeTrace {
        ExchangeTrace(fields, sampling: TraceSampling(ratio: ratio), random: (1, 2, 3))
    }

    private func field(_ name: String, _ value: String) -> HeaderField { HeaderField(name: name, value: value) }

    @Test func anExchangeContinuesWhatItsCallerHasBegun() {
        let state = field("tracestate", "a=1")
        let continued = begun([field("traceparent", "00-\(trace)-\(span)-01"), state], ratio: 0)
        #expect(continued.trace.text == trace && continued.parent?.text == span && continued.state == "a=1")
        #expect(continued.isSampled && continued.span.number == 3)
        #expect(!begun([field("traceparent", "00-\(trace)-\(span)-00")]).isSampled)

        // What is not valid begins a new one, and so do two parents.
        let valid = field("traceparent", "00-\(trace)-\(span)-01")
        for fields in [[field("traceparent", "00"), state], [valid, valid, state], [state]] {
            let new = begun(fields)
            #expect(new.parent == nil && new.state == nil && new.trace == TraceID(high: 1, low: 2) && new.isSampled)
        }
        #expect(!begun([], ratio: 0).isSampled)
    }

    @Test func aBackendIsToldTheAttemptInThePlaceOfTheCaller() {
        let other = field("openai-beta", "x")
        let place = begun([field("traceparent", "00-\(trace)-\(span)-01"), field("tracestate", "a=1")])
        let told = place.fields(
            [other, field("traceparent", "00-\(trace)-\(span)-01"), field("tracestate", "a=1")], attempt: 1)
        #expect(
            told == [
                field("traceparent", "00-\(trace)-\(place.attempt(1).text)-01"), field("tracestate", "a=1"), other,
            ])
        #expect(Set((0..<1000).map { place.attempt($0) } + [place.span]).count == 1001)
    }

    @Test func aShareOfTheTracesIsTaken() {
        var random = SeededRandom(seed: 1)
        let sampling = TraceSampling(ratio: 0.25)
        let taken = (0..<10_000).count { _ in
            ExchangeTrace([], sampling: sampling, random: (random.next(), random.next(), random.next())).isSampled
        }
        #expect((2300...2700).contains(taken))
        #expect(TraceSampling(ratio: .nan) == TraceSampling(ratio: 0))
    }
}
