import PluginAPI
import Synchronization
import Testing

@testable import FakeHost
@testable import OpenAICompat

@Suite struct KeyRingTests {
    @Test func aKeyIsUsedUntilItIsSetAside() {
        var ring = KeyRing(count: 3)
        #expect(ring.key(now: 0) == 0 && ring.key(now: 5) == 0)

        ring.setAside(0, milliseconds: 100, now: 10)

        #expect(ring.key(now: 11) == 1)
        #expect(ring.key(now: 500) == 1, "the one in use stays in use")
    }

    @Test func whenAllRestTheOneThatRestsLeastIsUsed() {
        var ring = KeyRing(count: 3)
        for (key, time) in [(0, UInt64(300)), (1, 100), (2, 200)] { ring.setAside(key, milliseconds: time, now: 0) }

        #expect(ring.key(now: 50) == 1 && ring.next(tried: [1], now: 50) == nil)
        #expect(ring.next(tried: [1], now: 200) == 2)
    }

    @Test func theSameExchangeTriesNoKeyTwice() {
        let ring = KeyRing(count: 2)

        #expect(ring.next(tried: [0], now: 0) == 1 && ring.next(tried: [0, 1], now: 0) == nil)
    }
}

@Suite struct SharedKeysTests {
    @Test func aKeyThatHasRestedIsUsedAgainWhenTheOneInUseRests() {
        let time = Mutex(UInt64(1000))
        let keys = SharedKeys(count: 2) { time.withLock { $0 } }
        let next = keys.next(after: 0, tried: [0], answer: .exhausted(500))
        #expect(next == 1 && keys.current() == 1)

        time.withLock { $0 = 1499 }
        let early = keys.next(after: 1, tried: [1], answer: .refused)
        time.withLock { $0 = 1500 }

        #expect(early == nil && keys.current() == 0)
    }
}

@Suite struct KeyTests {
    private func key(_ request: FakeHost.Request?) -> String? { request?.headers["authorization"] }

    @Test(arguments: [401, 402, 403, 429] as [UInt32])
    func aRefusedKeyIsFollowedByTheNextInTheSameExchangeAndAfter(_ status: UInt32) throws {
        try FakeHost.run { host in
            let adapter = try backend(keys: ["one", "two", "three"])
            let submitted = try Submitted(host, to: adapter)
            submitted.upstream.answer(status, [], #"{"error":{"message":"no such API key"}}"#)
            let second = host.requests.last
            #expect(key(submitted.upstream) == "Bearer one" && key(second) == "Bearer two")
            #expect(second?.sendsExchangeBody == true && !submitted.exchange.isOver)
            second?.answer(200, json, #"{"choices":[]}"#)

            #expect(submitted.exchange.outcome != nil)
            #expect(try key(Submitted(host, to: adapter).upstream) == "Bearer two")
        }
    }

    /// The submitted exchange, and the key that the one after it has.
    private func afterwards(
        _ status: UInt32, _ body: String, headers: [(name: String, value: String)] = []
    ) throws -> (failure: FakeHost.Failure?, asked: Int, key: String?) {
        var result: (failure: FakeHost.Failure?, asked: Int, key: String?) = (nil, 0, nil)
        try FakeHost.run { host in
            let adapter = try backend(keys: ["one", "two"])
            let submitted = try Submitted(host, to: adapter, headers: headers)
            submitted.upstream.answer(status, [], body)
            host.requests.last?.answer(status, [], body)
            result.failure = submitted.exchange.failure
            result.asked = host.requests.count
            result.key = key(try Submitted(host, to: adapter).upstream)
        }
        return result
    }

    @Test func aRefusalThatDoesNotSpeakOfTheKeyLeavesItInUse() throws {
        let after = try afterwards(403, "blocked by the wall")

        #expect(after.asked == 2, "another key may do better, for this exchange")
        #expect(after.failure?.kind == NEXUS_FAIL_UNSUPPORTED && after.failure?.message == "blocked by the wall")
        #expect(after.key == "Bearer one")
    }

    @Test(arguments: [401, 403, 429] as [UInt32], ["openai-organization", "openai-project"])
    func whatAClientsChoiceOfOrganizationBringsOnLeavesTheKeysInUse(_ status: UInt32, _ name: String) throws {
        let after = try afterwards(
            status, #"{"error":{"message":"Incorrect API key provided"}}"#, headers: [(name: name, value: "mine")])

        #expect(after.asked == 2 && after.key == "Bearer one")
        if status == 429 { return }
        #expect(after.failure?.kind == NEXUS_FAIL_REJECTED && after.failure?.status == status)
        #expect(after.failure?.message.contains("openai-organization") == true)
    }

    @Test func whenAllAreRefusedTheLastAnswerStands() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(keys: ["one", "two"]))
            submitted.upstream.answer(429, [("retry-after", "7")], #"{"error":{"message":"slow down"}}"#)
            host.requests.last?.answer(429, [("retry-after", "9")], #"{"error":{"message":"slow down"}}"#)

            #expect(host.requests.count == 2)
            #expect(
                submitted.exchange.failure?.kind == NEXUS_FAIL_BUSY && submitted.exchange.failure?.retryAfter == 9000)
        }
    }

    @Test func oneKeyIsTriedOnce() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(key: "one"))
            submitted.upstream.answer(401, [], "{}")

            #expect(host.requests.count == 1 && submitted.exchange.failure?.kind == NEXUS_FAIL_AUTH)
        }
    }

    @Test func anotherErrorIsNoMatterOfTheKey() throws {
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(keys: ["one", "two"]))
            submitted.upstream.answer(500, [], "{}")

            #expect(host.requests.count == 1 && submitted.exchange.failure?.kind == NEXUS_FAIL_UPSTREAM)
        }
    }

    @Test func aProbeGoesToTheNextKeyToo() throws {
        try FakeHost.run { host in
            try backend(keys: ["one", "two"]).probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            host.request("/v1/models")?.answer(401, [], "{}")
            #expect(host.health.isEmpty && key(host.request("/v1/models")) == "Bearer two")
            host.request("/v1/models")?.answer(401, [], #"{"error":{"message":"bad key two"}}"#)

            #expect(host.health.map(\.status) == [NEXUS_UNHEALTHY])
            #expect(host.health.first?.message.contains("two") == false)
        }
    }
}
