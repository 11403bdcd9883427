import ABIRules
import PluginAPI
import Testing

/// Which header fields pass through the host.
@Suite struct PassedHeaderTests {
    private func names(_ list: PassedHeaders, _ given: [String]) -> [String] {
        list.taken(given.map { PassedField(name: $0, value: "v") }).map(\.name)
    }

    @Test func aClientsFieldsThatMeanSomethingToServersPass() {
        let given = [
            "anthropic-beta", "anthropic-version", "openai-organization", "openai-project", "openai-beta",
            "traceparent", "tracestate", "user-agent",
        ]

        #expect(names(.ofClients, given) == given)
        #expect(names(.ofClients, ["OpenAI-Organization", "User-Agent"]) == ["openai-organization", "user-agent"])
    }

    @Test(arguments: [
        "authorization", "proxy-authorization", "x-api-key", "api-key", "cookie", "x-stainless-lang", "connection",
        "transfer-encoding", "te", "upgrade", "host", "content-length", "openai-", "anthropic-betas", "anthropic",
        "traceparents", "openai-api-key", "openai-auth-token", "", "x-forwarded-for",
    ])
    func nothingElseOfAClientPasses(_ name: String) { #expect(names(.ofClients, [name]) == []) }

    @Test func aServersFieldsForItsClientsPass() {
        let given = [
            "retry-after", "retry-after-ms", "x-should-retry", "x-ratelimit-remaining-tokens",
            "anthropic-ratelimit-requests-reset", "request-id", "openai-processing-ms", "openai-version",
        ]

        #expect(names(.ofServers, given) == given)
    }

    @Test func theServersRequestIDGetsANameOfItsOwn() {
        #expect(names(.ofServers, ["X-Request-Id"]) == ["x-nexus-upstream-request-id"])
    }

    @Test(arguments: [
        "set-cookie", "server", "content-type", "content-length", "content-encoding", "transfer-encoding", "connection",
        "www-authenticate", "location", "x-ratelimit-", "x-nexus-backend", "access-control-allow-origin", "date",
    ])
    func nothingElseOfAServerPasses(_ name: String) { #expect(names(.ofServers, [name]) == []) }

    @Test func aFieldThatIsNoneIsLeftOut() {
        for (name, value) in [
            ("openai-x y", "v"), ("openai-\u{e9}", "v"), ("openai-a", "a\r\nb"), ("openai-a", "a\u{0}"),
            ("openai-a", ""),
            ("openai-a", " \t "),
        ] {
            #expect(PassedHeaders.ofClients.taken([PassedField(name: name, value: value)]) == [])
        }
    }

    @Test func spaceAroundAValueIsNoPartOfIt() {
        let taken = PassedHeaders.ofServers.taken([PassedField(name: "request-id", value: "\t a b \t")])

        #expect(taken == [PassedField(name: "request-id", value: "a b")])
    }

    @Test func aFieldThatComesTwicePassesTwice() {
        #expect(names(.ofClients, ["tracestate", "tracestate"]) == ["tracestate", "tracestate"])
    }

    @Test func numberAndBytesAreBounded() {
        let many = (0..<200).map { PassedField(name: "openai-\($0)", value: "v") }
        let long = PassedField(name: "openai-a", value: String(repeating: "x", count: ABILimits.passedBytes - 8))

        #expect(PassedHeaders.ofClients.taken(many).count == ABILimits.passedHeaders)
        #expect(PassedHeaders.ofClients.taken([long]) == [long])
        #expect(PassedHeaders.ofClients.taken([long, PassedField(name: "traceparent", value: "v")]) == [long])
        let tooLong = PassedField(name: "openai-a", value: long.value + "x")
        #expect(names(.ofClients, []) == [] && PassedHeaders.ofClients.taken([tooLong]) == [])
    }

    // MARK: What an adapter lends

    private func lent(_ fields: [PassedField], count: Int? = nil) -> [PassedField] {
        withBorrowed(fields) { PassedHeaders.ofServers.taken($0.baseAddress, count: count ?? $0.count) }
    }

    @Test func whatAnAdapterLendsIsLookedAtInTheSameWay() {
        let fields = [
            PassedField(name: "Server", value: "x"), PassedField(name: "Retry-After", value: "7"),
            PassedField(name: "x-ratelimit-limit-requests", value: "60"),
        ]

        #expect(
            lent(fields) == [
                PassedField(name: "retry-after", value: "7"),
                PassedField(name: "x-ratelimit-limit-requests", value: "60"),
            ])
    }

    @Test func nothingIsReadWhereNothingIs() {
        #expect(PassedHeaders.ofServers.taken(nil, count: 5) == [])
        #expect(lent([PassedField(name: "request-id", value: "a")], count: 0) == [])
    }

    @Test func ofManyTheFirstAreLookedAt() {
        let many = (0..<1000).map { PassedField(name: "x-\($0)", value: "v") }

        #expect(lent(many + [PassedField(name: "request-id", value: "a")]) == [])
    }

    @Test func aLengthWithoutDataIsLeftOut() {
        var header = nexus_header()
        header.name.len = 10
        #expect(PassedHeaders.ofServers.taken(&header, count: 1) == [])
        withBorrowed("request-id") { name in
            header.name = name
            header.value.len = 4
            #expect(PassedHeaders.ofServers.taken(&header, count: 1) == [])
        }
    }
}
