import Testing

@testable import Core

private func hash(_ text: String) -> ContentHash { ContentHash(of: Array(text.utf8)) }

private func crash(_ content: String, at: Int64 = 0, file: String? = nil) -> AdapterCrash {
    AdapterCrash(
        hash: hash(content), type: "t-\(content)", file: file ?? "/a/\(content).so", end: "SIGSEGV", isInGateway: false,
        at: at)
}

@Suite struct ContentHashTests {
    @Test func itIsTheSameWhateverThePieces() {
        let message = (0..<1000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        for size in [1, 3, 63, 64, 65, 127, 128, 999] {
            var running = SHA256()
            for start in stride(from: 0, to: message.count, by: size) {
                message[start..<min(start + size, message.count)].withUnsafeBytes { running.update($0) }
            }
            #expect(ContentHash(running) == ContentHash(of: message))
        }
        #expect(hash("abc").text == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    }

    @Test func itIsReadInAnyUsualSpelling() {
        let text = hash("x").text
        #expect(ContentHash(text: text.uppercased()) == hash("x") && ContentHash(text: "sha256:" + text) == hash("x"))
        for bad in ["", String(text.dropLast()), text + "0", "g" + text.dropFirst(), "sha1:" + text] {
            #expect(ContentHash(text: bad) == nil)
        }
    }
}

@Suite struct AdapterRulesTests {
    private let list = AdapterAllowList(["a.so": [hash("1"), hash("2")]])

    @Test func aListAllowsWhatItNamesWithTheseBytesAlone() {
        let rules = AdapterRules(allow: list)

        #expect(rules.refusal(of: "/x/a.so", hash("1")) == nil && rules.refusal(of: "a.so", hash("2")) == nil)
        #expect(rules.refusal(of: "/x/a.so", hash("3")) == .otherBytes)
        #expect(rules.refusal(of: "/x/b.so", hash("1")) == .unlisted)
        #expect(rules.refusal(of: "/x/a.so/b.so", hash("1")) == .unlisted)
    }

    @Test func withoutAListAllIsAllowedAndWithAnEmptyOneNothing() {
        #expect(AdapterRules().refusal(of: "/x/a.so", hash("1")) == nil)
        #expect(AdapterRules(allow: AdapterAllowList()).refusal(of: "/x/a.so", hash("1")) == .unlisted)
    }

    @Test func whatIsInQuarantineIsRefusedUnderAnyName() {
        let out = AdapterRules.LeftOut.crashes(CrashRecord(crashes: 3, last: crash("1")))
        let rules = AdapterRules(quarantine: .files([hash("1"): out]))

        #expect(rules.refusal(of: "/y/other.so", hash("1")) == .leftOut(out))
        #expect(rules.refusal(of: "/y/other.so", hash("2")) == nil)
    }

    @Test func aQuarantineThatCannotBeToldIsNoPermission() {
        #expect(AdapterRules(quarantine: .unknown("why")).refusal(of: "a.so", hash("1")) == .unknownQuarantine("why"))
    }

    @Test func everyRefusalSaysWhatToDo() {
        let out = AdapterRules.LeftOut.crashes(CrashRecord(crashes: 3, last: crash("1", at: 1_767_323_045)))
        let cases: [(AdapterRules.Refusal, [String])] = [
            (.unlisted, ["[adapters.allow]", "'nexus adapter hash /a/x.so'"]),
            (.otherBytes, [hash("1").text, "'nexus adapter hash /a/x.so'"]),
            (
                .leftOut(out),
                [
                    "3 runs in a row ended by a crash in it", "SIGSEGV at 2026-01-02T03:04:05Z",
                    "nexus adapter release /a/x.so",
                ]
            ),
            (.leftOut(.unreadable("bad")), ["bad", "nexus adapter release /a/x.so"]),
            (.unknownQuarantine("bad"), ["bad", "reload"]),
        ]
        for (refusal, parts) in cases {
            let words = refusal.words(path: "/a/x.so", hash("1"))
            for part in parts { #expect(words.contains(part), "\(words)") }
        }
        #expect(AdapterRules.Refusal.unlisted.words(path: "/a/it's.so", hash("1")).contains("hash '/a/it'\\''s.so'"))
    }

    @Test func aCrashIsToldByWhereAndHow() {
        var last = crash("1")
        last.isInGateway = true
        last.end = "exit"
        #expect(CrashRecord(crashes: 1, last: last).words.contains("with exit() in the gateway's own code"))
        last.isInGateway = false
        last.type = ""
        #expect(CrashRecord(crashes: 2, last: last).words.contains("while it was loaded"))
    }
}

@Suite struct CrashCountsTests {
    /// What may happen to two adapters.
    private enum Step: CaseIterable { case crashA, crashB, calmA, calmB, calmBoth, releaseA }

    private static let (a, b) = (hash("a"), hash("b"))

    private static func event(_ step: Step, at time: Int64) -> CrashCounts.Event {
        switch step {
        case .crashA: .crashed(crash("a", at: time))
        case .crashB: .crashed(crash("b", at: time))
        case .calmA: .calm([a])
        case .calmB: .calm([b])
        case .calmBoth: .calm([a, b])
        case .releaseA: .released([a])
        }
    }

    /// Every order of five of them, against the rule in its own words: what is out stays out until it is released; else a crash
    /// adds one, and a calm run begins anew.
    @Test(arguments: [1, 2, 3]) func everyOrderOfEventsCountsRight(_ limit: Int) {
        var orders: [[Step]] = [[]]
        for _ in 0..<5 { orders = orders.flatMap { order in Step.allCases.map { order + [$0] } } }
        for order in orders {
            var counts = CrashCounts()
            var expected = [Self.a: 0, Self.b: 0]
            for (index, step) in order.enumerated() {
                counts.take(Self.event(step, at: Int64(index)), limit: limit)
                switch step {
                case .crashA: expected[Self.a, default: 0] += 1
                case .crashB: expected[Self.b, default: 0] += 1
                case .calmA: if expected[Self.a, default: 0] < limit { expected[Self.a] = 0 }
                case .calmB: if expected[Self.b, default: 0] < limit { expected[Self.b] = 0 }
                case .calmBoth:
                    for each in [Self.a, Self.b] where expected[each, default: 0] < limit { expected[each] = 0 }
                case .releaseA: expected[Self.a] = 0
                }
            }
            let out = Set(counts.leftOut(limit: limit).keys)
            let wanted = Set(expected.filter { $0.value >= limit }.keys)
            if out != wanted { Issue.record("\(order): \(out) instead of \(wanted)") }
        }
    }

    @Test func aFileThatWasReplacedBeginsAnew() {
        var counts = CrashCounts()
        for _ in 0..<3 { counts.take(.crashed(crash("old", file: "/a/x.so")), limit: 3) }
        counts.take(.crashed(crash("new", file: "/a/x.so")), limit: 3)

        #expect(Array(counts.leftOut(limit: 3).keys) == [hash("old")])
        #expect(counts.named("x.so") == [hash("old"), hash("new")])
    }

    @Test func withNoLimitNothingIsLeftOut() {
        var counts = CrashCounts([hash("u"): .unreadable("why")])
        for _ in 0..<5 { counts.take(.crashed(crash("a")), limit: 0) }

        #expect(counts.leftOut(limit: 0).isEmpty && counts.leftOut(limit: 5).count == 2)
    }

    @Test func whatCannotBeReadIsOutWhateverHappensButAnOperatorsWord() {
        let unreadable = CrashCounts([hash("u"): .unreadable("why")])
        for event in [CrashCounts.Event.crashed(crash("u")), .calm([hash("u")])] {
            var counts = unreadable
            counts.take(event, limit: 3)
            #expect(counts.leftOut(limit: 3) == [hash("u"): .unreadable("why")])
        }
        var counts = unreadable
        counts.take(.released([hash("u")]), limit: 3)
        #expect(counts.entries.isEmpty)
    }

    @Test func theLastCrashIsTheLatestInWhateverOrderTheyAreRead() {
        var counts = CrashCounts()
        for at in [5, 9, 7] as [Int64] { counts.take(.crashed(crash("a", at: at)), limit: 9) }

        #expect(counts.entries[hash("a")] == .record(CrashRecord(crashes: 3, last: crash("a", at: 9))))
    }

    @Test func itIsBoundedAndForgetsFirstWhatIsNotOut() {
        var counts = CrashCounts()
        for _ in 0..<2 { counts.take(.crashed(crash("out", at: 0)), limit: 2) }
        for index in 0..<1000 { counts.take(.crashed(crash("\(index)", at: Int64(index + 1))), limit: 2) }

        #expect(counts.entries.count == CrashCounts.Limits.records)
        #expect(Array(counts.leftOut(limit: 2).keys) == [hash("out")])
        #expect(counts.entries[hash("999")] != nil && counts.entries[hash("0")] == nil)
        for index in 0..<1000 {
            for _ in 0..<2 { counts.take(.crashed(crash("again\(index)", at: 2000)), limit: 2) }
        }
        #expect(counts.entries.count == CrashCounts.Limits.records)
    }

    @Test func anOperatorNamesItByTypeFileOrHash() {
        var counts = CrashCounts()
        counts.take(.crashed(crash("a")), limit: 3)
        let all: Set = [hash("a")]

        for name in [
            "t-a", "a.so", "/a/a.so", "./build/a.so", String(hash("a").text.prefix(8)), hash("a").text.uppercased(),
        ] {
            #expect(counts.named(name) == all, "\(name)")
        }
        for name in ["", "a", "b.so", String(hash("a").text.prefix(7)), "/"] {
            #expect(counts.named(name).isEmpty, "\(name)")
        }
    }
}
