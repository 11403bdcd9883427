import JSON
import Testing

@testable import Core

@Suite struct KeyHashTests {
    @Test("RFC 4231, test case 2") func theCodeIsThatOfTheStandard() {
        let code = HMAC.code(of: Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(Hexadecimal.text(code) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test("RFC 4231, test case 6: a key longer than a block") func aLongKeyIsHashed() {
        let code = HMAC.code(
            of: Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            key: [UInt8](repeating: 0xAA, count: 131))
        #expect(Hexadecimal.text(code) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }

    @Test func itIsReadAsItIsWritten() {
        let hash = KeyHash(of: "abc")
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(hash.text == text && KeyHash(text: text) == hash)
        #expect(KeyHash(text: "sha256:" + text.dropFirst(7).uppercased()) == hash)
    }

    @Test(arguments: [
        "", "sha256:", "sha256:00", "nx-abc", "sha1:" + String(repeating: "0", count: 64),
        "sha256:" + String(repeating: "g", count: 64), "sha256:" + String(repeating: "0", count: 66),
    ])
    func whatIsNoneIsNotRead(_ text: String) { #expect(KeyHash(text: text) == nil) }

    @Test func newKeysDiffer() {
        let keys = Set((0..<100).map { _ in NewKey.make() })
        #expect(keys.count == 100 && keys.allSatisfy { $0.hasPrefix("nx-") && $0.utf8.count == 46 })
    }
}

@Suite struct KeyScopeTests {
    @Test func emptyListsAllowAll() {
        #expect(KeyScope().isAll && KeyScope().has(model: "x") && KeyScope().has(backend: "y"))
    }

    @Test func namesAndPatternsAllow() {
        let scope = KeyScope(models: ["gpt-*", "llama3"], backends: ["mine"])
        #expect(scope.has(model: "gpt-4") && scope.has(model: "llama3") && !scope.has(model: "llama31"))
        #expect(scope.has(backend: "mine") && !scope.has(backend: "theirs"))
        #expect(scope.has(alias: "gpt-x", of: "other") && scope.has(alias: "x", of: "llama3"))
        #expect(!scope.has(alias: "x", of: "other"))
    }
}

@Suite struct UsageWindowTests {
    private let second: UInt64 = 1_000_000_000

    @Test func whatIsOlderThanTheWindowDoesNotCount() {
        var window = UsageWindow.minute
        window.advance(to: 5 * second)
        window.add(3)
        window.advance(to: 65 * second)
        #expect(window.sum == 3)
        window.advance(to: 66 * second)
        #expect(window.sum == 0)
    }

    @Test func itTellsWhenThereIsRoom() {
        var window = UsageWindow.minute
        window.advance(to: 10 * second)
        window.add(4)
        window.advance(to: 20 * second)
        window.add(4)
        #expect(window.wait(for: 2, limit: 10, now: 20 * second) == nil)
        // The first four must go, at 71 s.
        #expect(window.wait(for: 3, limit: 10, now: 20 * second) == 51)
        #expect(window.wait(for: 8, limit: 10, now: 20 * second) == 61)
    }

    @Test("never more than the limit in any minute") func aLimitHoldsForEveryStretchOfTime() {
        var random = SeededRandom(seed: 7)
        var window = UsageWindow.minute
        var taken: [UInt64] = []
        var now: UInt64 = 0
        var most = 0
        for _ in 0..<5000 {
            now += UInt64.random(in: 0...2 * second, using: &random)
            window.advance(to: now)
            if window.wait(for: 1, limit: 20, now: now) == nil {
                window.add(1)
                taken.append(now)
            }
            most = max(most, taken.suffix(21).count { now - $0 < 60 * second })
        }
        #expect(most == 20 && taken.count > 1000)
    }

    @Test func whatWasCountedTooMuchIsGivenBackWhereItWasCounted() {
        var window = UsageWindow.minute
        window.advance(to: second)
        let slot = window.add(10)
        window.advance(to: 30 * second)
        window.giveBack(7, at: slot)
        #expect(window.sum == 3)
        window.advance(to: 200 * second)
        window.giveBack(3, at: slot)
        #expect(window.sum == 0)
    }

    @Test func clocksThatGoBackAndFiguresOfAnySizeDoNoHarm() {
        var window = UsageWindow.day
        window.advance(to: 1 << 62)
        let slot = window.add(.max)
        window.add(.max)
        window.advance(to: 0)
        #expect(window.sum == 1 << 60 && window.wait(for: .max, limit: 1, now: 1 << 62) != nil)
        window.giveBack(.max, at: 0)
        window.giveBack(.max, at: .max)
        #expect(window.sum == 1 << 60)
        window.giveBack(.max, at: slot)
        #expect(window.sum == 0)
    }
}

@Suite struct KeyUsageTests {
    private func limits(_ change: (inout KeyLimits) -> Void) -> KeyLimits {
        var limits = KeyLimits()
        change(&limits)
        return limits
    }

    @Test func eachLimitIsTold() throws {
        for (limit, limits) in [
            (LimitReached.Limit.requestsPerMinute, limits { $0.requestsPerMinute = 1 }),
            (.requestsPerDay, limits { $0.requestsPerDay = 1 }), (.tokensPerMinute, limits { $0.tokensPerMinute = 10 }),
            (.tokensPerDay, limits { $0.tokensPerDay = 10 }), (.maxConcurrent, limits { $0.maxConcurrent = 1 }),
        ] {
            let usage = KeyUsage()
            _ = try usage.take(limits, tokens: 10, now: 0, wall: 0)
            let reached = #expect(throws: LimitReached.self) { try usage.take(limits, tokens: 10, now: 0, wall: 0) }
            #expect(reached?.limit == limit && (reached?.retryAfter ?? 0) > 0)
            #expect(throws: LimitReached.self) { try usage.mayTake(limits, now: 0) }
            #expect(usage.figures(now: 0).requests == 1 && usage.figures(now: 0).refused == 2)
        }
    }

    @Test func aRequestThatIsLargerThanTheLimitIsServedAlone() throws {
        let (usage, limits) = (KeyUsage(), limits { $0.tokensPerMinute = 10 })
        _ = try usage.take(limits, tokens: 1000, now: 0, wall: 0)
        #expect(throws: LimitReached.self) { try usage.take(limits, tokens: 1, now: 0, wall: 0) }
    }

    @Test func whatTheServerCountsTakesThePlaceOfTheEstimate() throws {
        let (usage, limits) = (KeyUsage(), limits { $0.tokensPerMinute = 100 })
        let first = try usage.take(limits, tokens: 90, now: 0, wall: 1)
        usage.settle(first, prompt: 3, completion: 2, isServed: true, now: 0)
        #expect(usage.figures(now: 0).tokensInMinute == 5)
        let second = try usage.take(limits, tokens: 10, now: 0, wall: 1)
        usage.settle(second, prompt: 50, completion: 100, isServed: true, now: 0)
        #expect(usage.figures(now: 0).tokensInMinute == 155 && usage.figures(now: 0).active == 0)
    }

    @Test func whatNobodyCountsIsTheEstimateIfItWasServed() throws {
        let usage = KeyUsage()
        for (tokens, isServed) in [(UInt64(7), true), (9, false)] {
            let grant = try usage.take(KeyLimits(), tokens: tokens, now: 0, wall: 1)
            usage.settle(grant, prompt: nil, completion: nil, isServed: isServed, now: 0)
        }
        #expect(usage.figures(now: 0).tokensInDay == 7)
    }

    @Test func noMoreAreTakenThanMayBeHoweverManyTakeAtOnce() async {
        let (usage, limits) = (KeyUsage(), limits { $0.requestsPerMinute = 500 })
        let taken = await withTaskGroup(of: Int.self) { tasks in
            for _ in 0..<8 {
                tasks.addTask {
                    (0..<1000).count { _ in (try? usage.take(limits, tokens: 1, now: 0, wall: 0)) != nil }
                }
            }
            return await tasks.reduce(0, +)
        }
        #expect(taken == 500)
    }
}

@Suite struct KeyringTests {
    private func rule(_ name: String, _ key: String, role: KeyRole = .client, expires: Int64? = nil) -> KeyRule {
        KeyRule(name: name, hash: KeyHash(of: key), role: role, expires: expires)
    }

    private func ring(_ rules: KeyRule..., before: Keyring? = nil) -> Keyring {
        Keyring(rules, isRequired: true, before: before)
    }

    @Test func aKeyIsFoundByWhatIsShown() {
        let keys = ring(rule("b", "kb"), rule("a", "ka", role: .operator))
        #expect(keys.key("ka".utf8)?.name == "a" && keys.key("kb".utf8)?.name == "b")
        #expect(keys.key("k".utf8) == nil && keys.key("".utf8) == nil)
        #expect(keys.key(String(repeating: "k", count: 10_000).utf8) == nil)
        #expect(keys.keys.map(\.name) == ["a", "b"] && keys.hasOperators)
    }

    @Test func takingTheLastOperatorsKeyAwayLeavesThatThereWasOne() {
        let before = ring(rule("a", "ka", role: .operator))
        #expect(ring(rule("b", "kb"), before: ring(before: before)).hasOperators)
        #expect(!ring(rule("b", "kb")).hasOperators)
    }

    @Test func whatWasUsedGoesOnUnderTheName() throws {
        let before = ring(rule("a", "1"), rule("b", "2"))
        _ = try #require(before.key(named: "a")).usage.take(KeyLimits(), tokens: 1, now: 0, wall: 0)
        let after = ring(rule("a", "new"), before: before)
        #expect(after.key(named: "a")?.usage.figures(now: 0).requests == 1)
        #expect(!after.isSame(as: before) && before.isSame(as: ring(rule("b", "2"), rule("a", "1"))))
    }

    @Test func aKeyThatIsRemovedAndAddedAgainBeginsNoNewDay() throws {
        let before = ring(rule("a", "1"), rule("b", "2"))
        _ = try #require(before.key(named: "a")).usage.take(KeyLimits(), tokens: 1, now: 0, wall: 0)
        let without = ring(rule("b", "2"), before: before)
        #expect(without.kept(of: ["a"], now: 0, wall: 0).first?.numbers.first == 1, "and it is kept on disk")
        let again = ring(rule("a", "new"), before: ring(rule("c", "3"), before: without))
        #expect(again.key(named: "a")?.usage.figures(now: 0).requests == 1)
    }

    @Test func alsoWhenTheGatewayWasStartedAnewMeanwhile() throws {
        let before = ring(rule("a", "1"))
        _ = try #require(before.key(named: "a")).usage.take(KeyLimits(), tokens: 1, now: 0, wall: 0)
        let next = ring(rule("b", "2"))
        next.restore(before.kept(of: nil, now: 0, wall: 0), now: 0, wall: 0)
        #expect(ring(rule("a", "1"), before: next).key(named: "a")?.usage.figures(now: 0).requests == 1)
    }

    @Test func ofKeysThatAreGoneSoManyAreRemembered() {
        var keys = ring()
        let count = Keyring.Limits.gone + 2
        for number in 0...count { keys = ring(rule("k\(number)", "\(number)"), before: keys) }
        let gone = keys.gone.withLock { $0.map(\.name) }
        #expect(gone.count == Keyring.Limits.gone && gone.first == "k2" && gone.last == "k\(count - 1)")
    }

    @Test func aPriorityIsCapped() {
        typealias Priority = AdmissionQueue.Priority
        #expect(Priority.high.capped(to: .normal) == .normal && Priority.low.capped(to: .normal) == .low)
        #expect(Priority.normal.capped(to: .low) == .low && Priority.high.capped(to: .high) == .high)
    }

    // MARK: Sessions

    private let seal = SessionSeal(secret: Array(0..<32))

    @Test func aSessionIsOfItsKeyForAsLongAsThatCounts() throws {
        let keys = ring(rule("boss man", "k", role: .operator), rule("app", "c"))
        let token = seal.token(seal.session(of: try #require(keys.key(named: "boss man")), wall: 1000))

        #expect(seal.signIn(token, in: keys, wall: 1000)?.key.name == "boss man")
        #expect(seal.signIn(token, in: keys, wall: 1000 + Session.Limits.lifetime) == nil)
        #expect(SessionSeal().signIn(token, in: keys, wall: 1000) == nil)
        #expect(seal.signIn(token, in: ring(rule("boss man", "other", role: .operator)), wall: 1000) == nil)
        #expect(seal.signIn(token, in: ring(rule("boss man", "k")), wall: 1000) == nil)
        #expect(seal.signIn(token, in: Keyring.none, wall: 1000) == nil)
        #expect(seal.confirms(Array(seal.confirmation(of: token).utf8), token: token))
        #expect(!seal.confirms([UInt8](), token: token))
    }

    @Test func nobodyIsSignedInWithACookieWhoseOperatorHasSignedOut() throws {
        let keys = ring(rule("boss", "k", role: .operator))
        let key = try #require(keys.key(named: "boss"))
        let (one, other) = (seal.session(of: key, wall: 1000), seal.session(of: key, wall: 1000))

        seal.end(one, wall: 1001)

        #expect(seal.signIn(seal.token(one), in: keys, wall: 1001) == nil)
        #expect(seal.signIn(seal.token(other), in: keys, wall: 1001)?.session == other)
    }

    @Test func signOutsAreForgottenWhenTheirSessionsWouldBeOver() {
        let ended = EndedSessions()
        func session(_ number: UInt64, ends: Int64) -> Session {
            Session(key: "boss", fingerprint: "f", ends: ends, number: number)
        }
        for number in 0..<UInt64(EndedSessions.Limits.count) {
            ended.add(session(number, ends: number == 7 ? 20 : 100 + Int64(number)), wall: 10)
        }
        ended.add(session(9_999, ends: 5), wall: 10)
        #expect(ended.contains(7) && !ended.contains(9_999), "that one is over as it is")

        ended.add(session(10_000, ends: 500), wall: 10)
        #expect(!ended.contains(7) && ended.contains(0) && ended.contains(10_000), "the soonest makes room")

        ended.add(session(10_001, ends: 500), wall: 150)
        #expect(!ended.contains(50) && ended.contains(51) && ended.contains(10_001))
    }

    @Test func aSessionEndsNoLaterThanItsKey() throws {
        let keys = ring(rule("a", "k", role: .operator, expires: 1010))
        #expect(seal.session(of: try #require(keys.key(named: "a")), wall: 1000).ends == 1010)
    }

    @Test("bytes from outside") func noChangeOfATokenIsTaken() throws {
        let keys = ring(rule("a", "k", role: .operator))
        let token = Array(seal.token(seal.session(of: try #require(keys.key(named: "a")), wall: 0)).utf8)
        var random = SeededRandom(seed: 3)
        for _ in 0..<1000 {
            var changed = token
            let byte = UInt8.random(in: 0x20...0x7E, using: &random)
            let place = Int.random(in: 0..<changed.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: changed.remove(at: place)
            case 1: changed.insert(byte, at: place)
            default: changed[place] = byte
            }
            guard changed != token else { continue }
            #expect(seal.session(String(decoding: changed, as: UTF8.self), wall: 0) == nil)
        }
    }
}

@Suite struct AttemptLimitTests {
    @Test func soManyAreLetTry() {
        var limit = AttemptLimit()
        for number in 0..<AttemptLimit.attempts {
            #expect(limit.wait("a", now: Int64(number)) == nil)
            limit.failed("a", now: Int64(number))
        }
        #expect(limit.wait("a", now: 9) == 60 && limit.wait("b", now: 9) == nil)
        #expect(limit.wait("a", now: 69) == nil)
        limit.failed("a", now: 69)
        #expect(limit.wait("a", now: 69) == nil)
    }

    @Test func ofManyAddressesTheOldestAreForgotten() {
        var limit = AttemptLimit()
        for _ in 0..<AttemptLimit.attempts { limit.failed("first", now: 0) }
        #expect(limit.wait("first", now: 0) != nil)
        for number in 0..<AttemptLimit.addresses { limit.failed("\(number)", now: 1) }
        #expect(limit.wait("first", now: 0) == nil)
    }
}

@Suite struct AuditQueryTests {
    @Test(arguments: [
        ("", ""), ("persist=true", "?persist=true"), ("now&persist", "?now&persist"),
        ("key=nx-secret", "?(1 not shown)"), ("persist&api_key=s&nx-secret", "?persist&(2 not shown)"),
        ("adapter=libX.so", "?adapter=libX.so"), ("Persist=s", "?(1 not shown)"), ("=s", "?(1 not shown)"), ("&&", ""),
    ]) func whatTheGatewayReadsIsNotedAndNothingElse(_ query: String, _ shown: String) {
        #expect(AuditQuery.shown(query) == shown)
    }

    @Test func manyPartsAreBounded() {
        let shown = AuditQuery.shown(String(repeating: "a=nx-secret&", count: 10_000))
        #expect(shown.utf8.count < 100 && !shown.contains("nx-"))
    }
}

@Suite struct AuditTrailTests {
    @Test func theNewestAreKept() throws {
        let trail = AuditTrail()
        for number in 0..<5000 {
            trail.append(AuditRecord(at: 0, client: "", command: "\(number)", status: 200))
        }
        #expect(trail.records.count <= AuditTrail.Limits.records && trail.records.last?.sequence == 5000)
        let long = trail.append(
            AuditRecord(
                at: 1, key: "a", client: "c", command: String(repeating: "x", count: 9000), status: 500, problem: "p"))
        #expect(long.command.utf8.count <= AuditTrail.Limits.text)
        let json = try JSONValue.parse(AuditTrail.json([long]))
        #expect(json["data"]?.array?.first?["problem"]?.string == "p")
    }
}
