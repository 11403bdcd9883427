import Core
import Foundation
import JSON
import Testing

@testable import Dashboard

/// The vectors of the page: what the gateway knows (`Vectors/NAME.json`), and its parts as HTML (`Vectors/NAME.html`). The
/// browser's half is tested with the same files in Tests/EndToEnd/test_dashboard_parts.py: whatever a page showed before, the
/// new parts make it the same as a page that begins with them.
///
/// With NEXUS_RECORD=1 in the environment the HTML is written anew, to be looked at and committed.
@Suite("Vectors of the page")
struct VectorTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Vectors")
    static let names = ["empty", "one", "mixed", "reordered", "hostile", "fleet"]

    private func state(_ name: String) throws -> PageState {
        let bytes = [UInt8](try Data(contentsOf: Self.folder.appendingPathComponent("\(name).json")))
        return PageState(vector: try JSONValue.parse(bytes))
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    @Test("the parts are what the vector says", arguments: names)
    func parts(_ name: String) throws {
        let file = Self.folder.appendingPathComponent("\(name).html")
        let html = text(PageRenderer().render(try state(name), parts: Set(PagePart.allCases)))
        // A line for each element, so that changes can be read.
        let lines = html.replacing("><", with: ">\n<") + "\n"
        if ProcessInfo.processInfo.environment["NEXUS_RECORD"] == "1" {
            try lines.write(to: file, atomically: true, encoding: .utf8)
        }
        #expect(try String(contentsOf: file, encoding: .utf8) == lines)
    }

    @Test("the whole page holds each part as it is by itself", arguments: names)
    func whole(_ name: String) throws {
        let state = try state(name)
        let page = text(PageRenderer().render(state))
        for part in PagePart.allCases {
            #expect(page.contains(text(PageRenderer().render(state, parts: [part]))))
        }
        #expect(!page.contains("{{part") && page.hasSuffix("</html>\n"))
    }

    @Test("uptime and age, in the words that the script has as well")
    func times() throws {
        let bytes = [UInt8](try Data(contentsOf: Self.folder.appendingPathComponent("times.json")))
        let times = try JSONValue.parse(bytes)
        for example in times["uptime"]?.array ?? [] {
            #expect(Format.uptime(seconds: UInt64(example[0]?.int ?? 0)) == example[1]?.string)
        }
        for example in times["age"]?.array ?? [] {
            #expect(Format.age(seconds: example[0]?.int ?? 0) == example[1]?.string)
        }
        #expect(times["uptime"]?.array?.count == 7 && times["age"]?.array?.count == 8)
    }
}

extension PageState {
    /// In the names of the contract.
    fileprivate init(vector: JSONValue) {
        self.init(
            backends: vector["backends"]?.array?.map(BackendView.init(vector:)) ?? [],
            history: vector["history"]?.array?.map(HistoryEntry.init(vector:)) ?? [],
            actions: vector["actions"]?.array?.map(PageAction.init(vector:)) ?? [],
            version: vector["version"]?.string ?? "", now: vector["now"]?.int ?? 0)
        instance = GatewayInstance(id: vector["instance"]?.string ?? "", startedAt: 0)
        options = PageOptions(query: vector["query"]?.string ?? "")
        waiting = Int(vector["waiting"]?.int ?? 0)
        let exchanges = vector["active"]?.array?.map(ActiveExchange.init(vector:)) ?? []
        active = ActiveExchanges(
            exchanges, phases: Dictionary(grouping: exchanges, by: \.phase).mapValues(\.count),
            silentLoops: Int(vector["silent_loops"]?.int ?? 0))
        stats.uptimeSeconds = vector["stats"]?["uptime_seconds"].flatMap(count) ?? 0
        stats.requests.total = vector["stats"]?["requests"]?["total"].flatMap(count) ?? 0
        stats.requests.errors = vector["stats"]?["requests"]?["errors"].flatMap(count) ?? 0
    }
}

extension ActiveExchange {
    fileprivate init(vector: JSONValue) {
        self.init(
            id: vector["id"]?.string ?? "", key: Key(vector["exchange"]?.string ?? "0-0") ?? Key(loop: 0, number: 0),
            client: vector["client"]?.string, model: vector["model"]?.string ?? "",
            phase: vector["phase"]?.string.flatMap(ExchangePhase.init) ?? .routing, arrival: .uptimeNanoseconds(0),
            elapsedMilliseconds: vector["elapsed_ms"].flatMap(count) ?? 0,
            attempts: Int(vector["attempts"]?.int ?? 1), api: vector["api"]?.string ?? "openai",
            stream: vector["stream"]?.bool ?? false)
        servedModel = vector["served_model"]?.string
        backend = vector["backend"]?.string
        place = vector["place"]?.int.map { Int($0) }
        tokens = vector["tokens"].flatMap(count)
        tokensPerSecond = vector["tokens_per_second"]?.double
    }
}

private func count(_ value: JSONValue) -> UInt64? { value.int.map { UInt64($0) } }

extension BackendView {
    fileprivate init(vector: JSONValue) {
        let models = vector["models"]?.array?.map { model in
            var capabilities: Capabilities = []
            if model["capabilities"]?["vision"]?.bool == true { capabilities.insert(.vision) }
            if model["capabilities"]?["tools"]?.bool == true { capabilities.insert(.tools) }
            if model["capabilities"]?["json_mode"]?.bool == true { capabilities.insert(.jsonMode) }
            return Model(
                id: model["id"]?.string ?? "", contextLength: model["context_length"].flatMap(count) ?? 0,
                capabilities: capabilities)
        }
        self.init(
            id: vector["id"]?.string ?? "", name: vector["name"]?.string ?? "", url: vector["url"]?.string ?? "",
            backendType: vector["backend_type"]?.string ?? "",
            status: vector["status"]?.string.flatMap(BackendStatus.init) ?? .unknown,
            lastHealthCheck: vector["last_health_check"]?.double, lastError: vector["last_error"]?.string,
            models: models ?? [], priority: Int(vector["priority"]?.int ?? 0),
            pendingRequests: Int(vector["pending_requests"]?.int ?? 0),
            totalRequests: vector["total_requests"].flatMap(count) ?? 0,
            averageLatencyMilliseconds: vector["avg_latency_ms"]?.double ?? 0)
        for member in vector["metadata"]?.object?.members ?? [] { metadata[member.name] = member.value.string }
    }
}

extension HistoryEntry {
    fileprivate init(vector: JSONValue) {
        self.init(
            timestamp: vector["timestamp"]?.int ?? 0, model: vector["model"]?.string ?? "",
            backendID: vector["backend_id"]?.string ?? "",
            durationMilliseconds: vector["duration_ms"].flatMap(count) ?? 0,
            status: vector["status"]?.string.flatMap(Status.init) ?? .success,
            errorMessage: vector["error_message"]?.string)
        sequence = vector["seq"].flatMap(count) ?? 0
        requestID = vector["request_id"]?.string ?? ""
        attempts = Int(vector["attempts"]?.int ?? 1)
        statusCode = Int(vector["status_code"]?.int ?? 200)
        stream = vector["stream"]?.bool ?? false
        timeToFirstByteMilliseconds = vector["ttft_ms"].flatMap(count)
        promptTokens = vector["prompt_tokens"].flatMap(count)
        completionTokens = vector["completion_tokens"].flatMap(count)
        tokensEstimated = vector["tokens_estimated"]?.bool ?? false
        tokensPerSecond = vector["tokens_per_second"]?.double
        route = (vector["route"]?.array ?? []).map { step in
            RouteStep(
                backend: step["backend_id"]?.string ?? "", reason: .only, failure: step["error_message"]?.string)
        }
    }
}

extension PageAction {
    fileprivate init(vector: JSONValue) {
        var progress = ActionProgress(
            id: vector["id"]?.string ?? "", backendID: vector["backend_id"]?.string ?? "",
            action: vector["action"]?.string ?? "")
        progress.status = vector["status"]?.string.flatMap(ActionProgress.Status.init) ?? .running
        progress.done = vector["done"].flatMap(count)
        progress.total = vector["total"].flatMap(count)
        progress.message = vector["message"]?.string
        progress.error = vector["error"]?.string
        self.init(progress, endedAt: vector["ended_at"]?.int)
    }
}
