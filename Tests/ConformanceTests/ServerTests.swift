import JSON
import PluginAPI
import Testing

@testable import Conformance

@Suite struct BuiltInServerTests {
    private let server = BuiltInServer()

    private func post(_ path: String, _ body: String) -> UpstreamRequest {
        UpstreamRequest(method: "POST", path: path, headers: [], body: Array(body.utf8), isProbe: false)
    }

    private func arrival(_ variation: Variation, _ body: String = #"{"stream":true}"#) -> Arrival {
        Arrival.of(post("/v1/chat/completions", body), by: server, variation)
    }

    @Test(arguments: [
        ("/v1/chat/completions", #"{"stream":true}"#), ("/api/chat", "{}"), ("/api/chat", #"{"stream":false}"#),
    ])
    func generatedTextIsWhole(_ path: String, _ body: String) throws {
        let answer = server.answer(post(path, body), Variation())

        let lines = String(decoding: answer.body, as: UTF8.self).split(separator: "\n").map {
            $0.hasPrefix("data: ") ? $0.dropFirst(6) : $0
        }
        let values = lines.compactMap { try? JSONValue.parse(String($0)) }
        let text = values.map {
            $0["message"]?["content"]?.string ?? $0["choices"]?[0]?["delta"]?["content"]?.string ?? ""
        }.joined()
        #expect(text == server.text && answer.isGeneration)
    }

    @Test func piecesTogetherAreTheBody() {
        let whole = Array(arrival(Variation()).pieces.joined())
        for size in [1, 7, 100_000] {
            #expect(Array(arrival(Variation(pieceSize: size)).pieces.joined()) == whole)
        }
        #expect(arrival(Variation(splitAt: 10)).pieces.map(\.count) == [10, whole.count - 10])
    }

    @Test func faultsShowInTheWayAnAnswerComes() {
        let whole = arrival(Variation()).pieces.joined().count

        #expect(arrival(Variation(fault: .refused)).answer == nil)
        #expect(arrival(Variation(fault: .refused)).end == NEXUS_HTTP_REFUSED)
        #expect(arrival(Variation(fault: .silent)).end == nil)
        #expect(arrival(Variation(fault: .garbage)).end == NEXUS_HTTP_GARBAGE)
        #expect(arrival(Variation(fault: .closes(500))).pieces.joined().count == whole / 2)
        #expect(arrival(Variation(fault: .closesAfter(3))).end == NEXUS_HTTP_CLOSED)
        let busy = arrival(Variation(fault: .status(429, retryAfter: 7)))
        #expect(busy.answer?.status == 429 && busy.answer?.headers.last?.value == "7")
        #expect(arrival(Variation(fault: .endlessLine(1 << 20))).pieces.joined().count > 1 << 20)
    }

    @Test func itTakesWhatManagesModels() throws {
        func ask(_ method: String, _ path: String, _ body: String) -> UpstreamAnswer {
            server.answer(
                UpstreamRequest(method: method, path: path, headers: [], body: Array(body.utf8), isProbe: false),
                Variation())
        }
        let pulled = String(decoding: ask("POST", "/api/pull", #"{"model":"m"}"#).body, as: UTF8.self)

        #expect(pulled.hasPrefix(#"{"status":"pulling manifest"}"#) && pulled.hasSuffix("{\"status\":\"success\"}\n"))
        #expect(ask("DELETE", "/api/delete", "{}").status == 200 && ask("GET", "/api/delete", "{}").status == 404)
        let unloaded = try JSONValue.parse(ask("POST", "/api/generate", #"{"model":"m","keep_alive":0}"#).body)
        #expect(unloaded["done_reason"] == "unload" && unloaded["response"] == "")
        #expect(ask("POST", "/api/generate", #"{"model":"m","prompt":"x"}"#).isGeneration)
        #expect(ask("POST", "/models/load", "{}").status == 200)
        #expect(
            ask("POST", "/api/v1/models/unload", #"{"instance_id":"m"}"#).body == Array(#"{"instance_id":"m"}"#.utf8))
    }

    @Test func faultsOfGenerationLeaveTheRestAlone() {
        let list = UpstreamRequest(method: "GET", path: "/v1/models", headers: [], body: [], isProbe: true)
        let variation = Variation(fault: .status(500), onGenerationOnly: true)

        #expect(Arrival.of(list, by: server, variation).answer?.status == 200)
        #expect(arrival(variation).answer?.status == 500)
    }
}

@Suite struct ScriptFileTests {
    private func server(_ text: String) throws -> ScriptFile { try ScriptFile(Array(text.utf8)) }

    @Test func routesAreChosenByMethodPathAndStream() throws {
        let server = try server(
            #"""
            {"probe": [{"path": "/list", "body": ["a"]}],
             "answers": [{"path": "/say", "stream": true, "body": "x\n"}, {"path": "/say", "status": 201, "body": {"y": 1}}],
             "error": {"why": "{message}"}}
            """#)
        func ask(_ method: String, _ path: String, _ body: String = "") -> UpstreamAnswer {
            server.answer(
                UpstreamRequest(method: method, path: path, headers: [], body: Array(body.utf8), isProbe: false),
                Variation())
        }

        #expect(ask("GET", "/list?all").body == Array(#"["a"]"#.utf8))
        #expect(ask("POST", "/say", #"{"stream":true}"#).body == Array("x\n".utf8))
        #expect(ask("POST", "/say", #"{"stream":false}"#).status == 201)
        #expect(ask("GET", "/say").status == 404)
        #expect(String(decoding: server.error(500, #"a "b""#, for: "/"), as: UTF8.self) == #"{"why":"a \"b\""}"#)
    }

    @Test(arguments: [
        ("{", "it is not JSON"), ("[]", "it must hold an object"), (#"{"prob":[]}"#, "\"prob\" is not known"),
        ("{}", "it has no routes"), (#"{"probe":[{"path":"x","body":1}]}"#, "probe[0].path must be"),
        (#"{"answers":[{"path":"/x"}]}"#, "answers[0].body is missing"),
        (#"{"probe":[{"path":"/x","body":1,"status":99}]}"#, "probe[0].status must be"),
    ])
    func whatIsWrongIsTold(_ text: String, _ words: String) {
        #expect { try server(text) } throws: { "\($0)".contains(words) }
    }
}

@Suite struct ReportTests {
    @Test func aLineHoldsOnlyPrintableCharacters() {
        let result = CheckResult(
            id: "probe.healthy", requirement: "is well", verdict: .fail, detail: "a\nb\u{1B}[1m", milliseconds: 1)

        #expect(result.line == "FAIL  probe.healthy                   is well / a b [1m")
    }

    @Test func anAdapterThatCouldNotBeLoadedHasNoType() throws {
        let document = try JSONValue.parse(CheckReport().json)

        #expect(document["adapter"]?["type"] == .null && document["checks"] == [])
    }

    @Test func idsAreUniqueAndOfOneForm() {
        let ids = CheckRunner.checks.map(\.id)

        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { $0.wholeMatch(of: #/(load|create|probe|exchange|actions)\.[a-z0-9-]+/#) != nil })
    }
}
