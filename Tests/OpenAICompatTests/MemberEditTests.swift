import PluginAPI
import Testing

@testable import FakeHost
@testable import OpenAICompat

/// What of a request is left out or renamed for a server's flavour.
@Suite struct MemberEditTests {
    private func edit(
        _ body: String, _ flavor: Flavor = .openai, kind: UInt32 = NEXUS_KIND_CHAT, steps: Int = .max
    ) -> (body: String, warning: String)? {
        guard let rules = MemberRule.of(flavor, kind: kind) else { return nil }
        let outcome = Array(body.utf8).withUnsafeBytes { MemberEdit.edit($0, rules, steps: steps) }
        guard case .changed(let edit) = outcome else { return nil }
        return (String(decoding: edit.body, as: UTF8.self), edit.warning)
    }

    @Test(arguments: [
        (#"{"model":"m","max_tokens":5}"#, #"{"model":"m","max_completion_tokens":5}"#),
        (#"{"max_tokens":5,"max_completion_tokens":6}"#, #"{"max_completion_tokens":6}"#),
        (#"{"max_completion_tokens":6,"num_predict":5,"max_tokens":5}"#, #"{"max_completion_tokens":6}"#),
        (#"{"top_k":5,"model":"m"}"#, #"{"model":"m"}"#),
        (#" { "model" : "m" , "top_k" : 5 , "x" : 1.50e0 } "#, #"{"model" : "m","x" : 1.50e0}"#),
        (#"{"keep_alive":"5m","num_ctx":[1,{"a":"]}\""}]}"#, "{}"),
        (
            #"{"messages":[{"role":"a","reasoning_content":"x","content":"\"b\\"},{"role":"b"}],"n":9007199254740993}"#,
            #"{"messages":[{"role":"a","content":"\"b\\"},{"role":"b"}],"n":9007199254740993}"#
        ),
    ])
    func theRestKeepsItsBytes(_ body: String, _ changed: String) { #expect(edit(body)?.body == changed) }

    @Test(arguments: [
        #"{"model":"m","temperature":1,"stop":["top_k"],"messages":[{"role":"user","content":"\"top_k\":1, \"max_tokens\":2"}]}"#,
        #"{"tools":[{"function":{"parameters":{"properties":{"top_k":{}}}}}]}"#, #"{"Top_K":1,"top_k ":2}"#, "[]", "",
        "{", "5",
        #"{"a":1"#, #"{"top_k"}"#, #"{"messages":[{"role":"user","content":"reasoning_content"}]}"#,
        #"{"messages":"reasoning"}"#,
    ])
    func whatHoldsNoneOfThemIsNotChanged(_ body: String) { #expect(edit(body) == nil) }

    @Test func thePeopleAreTold() {
        let edited = edit(
            #"{"top_k":5,"max_tokens":1,"keep_alive":0,"messages":[{"reasoning":"a"},{"reasoning":"b"}]}"#)
        #expect(
            edited?.warning == "Left out, as OpenAI does not know it: top_k, keep_alive, messages[].reasoning. "
                + "max_tokens was sent as max_completion_tokens, as OpenAI calls it.")
    }

    @Test func whatIsRepeatedIsToldOnce() {
        let edited = edit(#"{"top_k":1,"top_k":2,"messages":[{"reasoning":"a","reasoning":"b"}]}"#)
        #expect(edited?.body == #"{"messages":[{}]}"#)
        #expect(edited?.warning == "Left out, as OpenAI does not know it: top_k, messages[].reasoning.")
    }

    @Test func ofALargeRequestNoMessagesAreSearchedOnAnEventLoop() throws {
        let rules = try #require(MemberRule.of(.openai, kind: NEXUS_KIND_CHAT))
        func outcome(_ body: String) -> MemberEdit.Outcome {
            Array(body.utf8).withUnsafeBytes { MemberEdit.edit($0, rules, steps: MemberEdit.inlineSteps) }
        }
        let letters = String(repeating: "r", count: LargeWork.inlineLimit)
        guard case .tooLong = outcome(#"{"messages":[{"content":"\#(letters)"}]}"#) else {
            return #expect(Bool(false), "it was searched")
        }
        let quotes = String(repeating: #"\""#, count: MemberEdit.inlineSteps)
        guard case .tooLong = outcome(#"{"user":"\#(quotes)"}"#) else {
            return #expect(Bool(false), "a quote within a text counts as nothing")
        }
    }

    @Test(arguments: Flavor.allCases)
    func noServerLoadsItsModelForARequest(_ flavor: Flavor) {
        for kind in [NEXUS_KIND_CHAT, NEXUS_KIND_COMPLETIONS, NEXUS_KIND_EMBEDDINGS] {
            #expect(
                edit(#"{"num_ctx":4096,"keep_alive":"5m","model":"m"}"#, flavor, kind: kind)?.body == #"{"model":"m"}"#)
        }
        #expect(MemberRule.of(flavor, kind: NEXUS_KIND_RESPONSES) == nil)
    }

    @Test(arguments: [
        (Flavor.vllm, #"{"repetition_penalty":1.1}"#), (.sglang, #"{"repetition_penalty":1.1}"#),
        (.llamacpp, #"{"repeat_penalty":1.1}"#), (.lmstudio, #"{"repeat_penalty":1.1}"#), (.tgi, "{}"), (.openai, "{}"),
    ])
    func thePenaltyOfRepetitionHasTheServersName(_ flavor: Flavor, _ body: String) {
        for given in [
            #"{"repeat_penalty":1.1,"repetition_penalty":1.1}"#, #"{"repetition_penalty":1.1}"#,
            #"{"repeat_penalty":1.1}"#,
        ] {
            #expect((edit(given, flavor)?.body ?? given) == body)
        }
    }

    @Test func theLimitOfAnAnswerIsRenamedForChatsAlone() {
        #expect(edit(#"{"max_tokens":5}"#, kind: NEXUS_KIND_COMPLETIONS) == nil)
        #expect(edit(#"{"max_tokens":5}"#, .vllm) == nil)
        #expect(edit(#"{"num_predict":5}"#, .vllm)?.body == #"{"max_tokens":5}"#)
    }

    @Test func nothingIsKnownOfAnUnknownServer() { #expect(MemberRule.of(nil, kind: NEXUS_KIND_CHAT) == nil) }

    @Test func onAnEventLoopNoMoreIsLookedAtThanAllowed() throws {
        let rules = try #require(MemberRule.of(.openai, kind: NEXUS_KIND_EMBEDDINGS))
        let numbers = Array((#"{"input":["# + String(repeating: "1,", count: 200_000) + #"1],"num_ctx":5}"#).utf8)
        let text = Array((#"{"input":""# + String(repeating: "a", count: 1_000_000) + #""}"#).utf8)
        func outcome(_ body: [UInt8]) -> MemberEdit.Outcome {
            body.withUnsafeBytes { MemberEdit.edit($0, rules, steps: MemberEdit.inlineSteps) }
        }
        guard case .tooLong = outcome(numbers) else { return #expect(Bool(false), "it was looked at to its end") }
        guard case .unchanged = outcome(text) else { return #expect(Bool(false), "a text counts as one step") }
    }

    // MARK: At a backend

    private func sent(_ body: String, options: JSONObject, kind: UInt32 = NEXUS_KIND_CHAT) throws -> (
        FakeHost.Request, String
    ) {
        var result: (FakeHost.Request, String)?
        try FakeHost.run { host in
            let submitted = try Submitted(host, to: backend(options), kind: kind, body: body)
            submitted.upstream.head(200, json)
            submitted.upstream.body(Array(#"{"choices":[{"index":0,"message":{"content":"a"}}]}"#.utf8))
            submitted.upstream.end()
            result = (submitted.upstream, submitted.exchange.warning)
        }
        return try #require(result)
    }

    @Test func theServerGetsTheChangedBodyAndTheClientTheWarning() throws {
        let (request, warning) = try sent(
            #"{"model":"m","top_k":1}"#, options: JSONObject([(name: "flavor", value: "openai")]))
        #expect(request.body == #"{"model":"m"}"#)
        #expect(warning == "Left out, as OpenAI does not know it: top_k.")
    }

    @Test func aBodyWithNothingToChangeIsNotCopied() throws {
        let (request, warning) = try sent(
            #"{"model":"m","temperature":1}"#, options: JSONObject([(name: "flavor", value: "openai")]))
        #expect(request.sendsExchangeBody && request.body.isEmpty && warning.isEmpty)
    }

    @Test func aLargeBodyIsChangedAwayFromTheLoop() {
        let text = String(repeating: "a", count: 100_000)
        FakeHost.run { host in
            let options = JSONObject([(name: "flavor", value: "openai")])
            let task = try? Submitted(host, to: backend(options), body: #"{"m":"\#(text)","top_k":1}"#)
            #expect(task == nil)
            host.turn()
            #expect(host.requests.last?.body.count == text.utf8.count + 8)
        }
    }
}
