import PluginAPI
import Testing

@testable import FakeHost
@testable import Ollama

@Suite struct KeyTests {
    private let good = #"{"message":{"content":"hi"},"done":true}"#

    private func key(_ request: FakeHost.Request?) -> String? { request?.headers["authorization"] }

    @Test(arguments: [401, 402, 403, 429] as [UInt32], [false, true])
    func aRefusedKeyIsFollowedByTheNextInTheSameExchangeAndAfter(_ status: UInt32, _ stream: Bool) throws {
        try FakeHost.run { host in
            let adapter = try backend(keys: ["one", "two", "three"])
            let task = submit(to: adapter, host, stream: stream)
            let first = try #require(host.requests.last)
            first.answer(status, [], #"{"error":"no such api key"}"#)
            let second = try #require(host.requests.last)
            #expect(key(first) == "Bearer one" && key(second) == "Bearer two" && host.requests.count == 2)
            #expect(second.path == "/api/chat" && second.body == first.body && !second.body.isEmpty)
            #expect(host.exchanges[task]?.isOver != true)
            second.answer(200, [], good)

            #expect(host.exchanges[task]?.outcome != nil && host.exchanges[task]?.failure == nil)
            _ = submit(to: adapter, host)
            #expect(key(host.requests.last) == "Bearer two")
        }
    }

    @Test func aRequestOfOllamasOwnAPIIsSentAgainAsItIs() throws {
        try FakeHost.run { host in
            let adapter = try backend(keys: ["one", "two"])
            let task = submit(to: adapter, host, kind: NEXUS_KIND_OLLAMA, path: "/api/chat")
            host.requests.last?.answer(401, [], "{}")
            let second = try #require(host.requests.last)
            #expect(key(second) == "Bearer two" && second.sendsExchangeBody && second.path == "/api/chat")
            second.answer(200, [], good)

            #expect(host.exchanges[task]?.text == good)
        }
    }

    @Test func whenAllAreRefusedTheLastAnswerStands() throws {
        try FakeHost.run { host in
            let task = submit(to: try backend(keys: ["one", "two"]), host)
            host.requests.last?.answer(429, [("retry-after", "7")], #"{"error":"slow down"}"#)
            host.requests.last?.answer(429, [("retry-after", "9")], #"{"error":"slower"}"#)
            let failure = host.exchanges[task]?.failure

            #expect(host.requests.count == 2)
            #expect(failure?.kind == NEXUS_FAIL_BUSY && failure?.retryAfter == 9000 && failure?.message == "slower")
        }
    }

    @Test(arguments: [[], ["one"]] as [[String]])
    func withOneKeyOrNoneTheFirstAnswerStands(_ keys: [String]) throws {
        try FakeHost.run { host in
            let task = submit(to: try backend(keys: keys), host)
            host.requests.last?.answer(401, [], "{}")

            #expect(host.requests.count == 1 && host.exchanges[task]?.failure?.kind == NEXUS_FAIL_AUTH)
            #expect(key(host.requests.last) == keys.first.map { "Bearer \($0)" })
        }
    }

    @Test func anotherErrorIsNoMatterOfTheKey() throws {
        try FakeHost.run { host in
            let task = submit(to: try backend(keys: ["one", "two"]), host)
            host.requests.last?.answer(500, [], "{}")

            #expect(host.requests.count == 1 && host.exchanges[task]?.failure?.kind == NEXUS_FAIL_UPSTREAM)
        }
    }

    @Test func aProbeGoesToTheNextKeyTooAndStaysWithIt() throws {
        try FakeHost.run { host in
            let adapter = try backend(keys: ["one", "two"])
            adapter.probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            host.request("/api/tags")?.answer(401, [], "{}")
            #expect(host.health.isEmpty && key(host.request("/api/tags")) == "Bearer two")
            host.request("/api/tags")?.answer(200, [], #"{"models":[]}"#)
            #expect(key(host.request("/api/ps")) == "Bearer two")
            host.request("/api/ps")?.answer(200, [], "{}")
            host.request("/api/version")?.answer(200, [], "{}")

            #expect(host.health.map(\.status) == [NEXUS_HEALTHY])
            _ = submit(to: adapter, host)
            #expect(key(host.requests.last) == "Bearer two")
        }
    }

    @Test func aProbeWhoseKeysAreAllRefusedIsUnhealthyInOurOwnWords() throws {
        try FakeHost.run { host in
            try backend(keys: ["one", "two"]).probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            host.request("/api/tags")?.answer(401, [], "{}")
            host.request("/api/tags")?.answer(403, [], #"{"error":"bad key two"}"#)

            #expect(host.health.map(\.status) == [NEXUS_UNHEALTHY] && host.requests.count == 2)
            #expect(host.health.first?.message.contains("two") == false)
        }
    }
}
