import PluginAPI
import Testing

@testable import FakeHost
@testable import Ollama

/// What a request that asks for thinking becomes once the list has told which models can.
@Suite struct ThinkingTests {
    /// What was sent for an effort, and what the client was warned of.
    private func sent(
        _ effort: String, item: String, show: String = "{}", kind: UInt32 = NEXUS_KIND_CHAT
    ) throws -> (think: JSONValue?, warning: String?) {
        var result: (JSONValue?, String?) = (nil, nil)
        try FakeHost.run { host in
            let adapter = try backend()
            adapter.probe(ProbeTask(handle: host.newTask(), host: Host(FakeHost.table)))
            host.request("/api/tags")?.answer(200, [], #"{"models":[\#(item)]}"#)
            host.request("/api/show")?.answer(200, [], show)
            host.request("/api/ps")?.answer(200, [], "{}")
            host.request("/api/version")?.answer(200, [], "{}")
            let question =
                kind == NEXUS_KIND_CHAT ? #""messages":[{"role":"user","content":"hi"}]"# : #""prompt":"hi""#
            let task = submit(
                to: adapter, host, kind: kind, body: #"{"model":"m","reasoning_effort":"\#(effort)",\#(question)}"#)
            let request = try #require(host.requests.last)
            result.0 = try JSONValue.parse(request.body)["think"]
            request.answer(200, [], #"{"message":{"content":"x"},"response":"x","done":true}"#)
            #expect(host.exchanges[task]?.outcome != nil)
            result.1 = host.exchanges[task]?.warning
        }
        return result
    }

    private let unable =
        #"{"name":"m:latest","digest":"d","capabilities":["completion"],"details":{"context_length":9}}"#
    private let able =
        #"{"name":"m","digest":"d","capabilities":["completion","thinking"],"details":{"context_length":9}}"#
    private let untold = #"{"name":"m","digest":"d"}"#
    private let leftOut = "Thinking was left out: this model cannot think."

    @Test(arguments: ["low", "high", "max"], [NEXUS_KIND_CHAT, NEXUS_KIND_COMPLETIONS])
    func aModelThatCannotThinkIsNotAskedToAndTheClientIsTold(_ effort: String, _ kind: UInt32) throws {
        let sent = try sent(effort, item: unable, kind: kind)

        #expect(sent.think == nil && sent.warning == leftOut)
    }

    @Test func noThinkingForAModelThatCannotThinkIsNothingToSendOrTell() throws {
        let sent = try sent("none", item: unable)

        #expect(sent.think == nil && sent.warning == "")
    }

    @Test func aModelThatCanThinkIsAskedTo() throws {
        let sent = try sent("high", item: able)

        #expect(sent.think == "high" && sent.warning == "")
    }

    @Test func whatTheDescriptionOfAModelTellsCountsToo() throws {
        #expect(try sent("high", item: untold, show: #"{"capabilities":["completion"]}"#).think == nil)
        #expect(try sent("high", item: untold, show: #"{"capabilities":["thinking"]}"#).think == "high")
    }

    @Test func capabilitiesThatWereGuessedSayNothingOfThinking() throws {
        #expect(try sent("high", item: untold, show: #"{"template":"{{ .Prompt }}"}"#).think == "high")
    }

    @Test func aModelThatIsNotListedIsAskedTo() throws {
        #expect(try sent("high", item: unable.replacing("m:latest", with: "m:1b")).think == "high")
    }
}
