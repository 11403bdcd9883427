import JSON
import Testing

@testable import Core

/// Whatever is put in, what comes out is valid JSON in valid UTF-8 of at most 10,240 bytes.
@Suite("Limits of messages")
struct EncodingLimitTests {
    private func view(_ index: Int, models: Int) -> BackendView {
        BackendView(
            id: "backend-\(index)", name: "Backend \(index)", url: "http://10.0.0.\(index):11434",
            backendType: "ollama", status: .healthy, lastHealthCheck: 1_767_323_045,
            models: (0..<models).map {
                Model(id: "model-\($0):latest", contextLength: 131_072, capabilities: [.tools])
            },
            metadata: ["server": "Ollama 0.9"])
    }

    private func checked(_ message: [UInt8], type: String) throws -> JSONValue {
        #expect(message.count <= UpdateEncoder.messageLimit)
        #expect(String(validating: message, as: UTF8.self) != nil)
        let json = try JSONValue.parse(message)
        #expect(json["update_type"]?.string == type)
        return try #require(json["data"])
    }

    @Test func theProgressOfAnActionFitsWhateverItsTexts() throws {
        var progress = ActionProgress(id: "1", backendID: String(repeating: "\u{1}", count: 9000), action: "pull")
        progress.message = String(repeating: "\u{2}", count: 9000)
        progress.error = String(repeating: "ä", count: 9000)
        progress.done = .max

        let data = try checked(UpdateEncoder.actionProgressMessage(progress), type: "ActionProgress")

        #expect(data["id"] == "1" && data["fraction"] == .null && data["status"] == "running")
        #expect(data["truncated"]?.object?.members.count == 3)
    }

    @Test(
        arguments: [
            (nil, nil, nil), (5, nil, nil), (5, 10, 0.5), (20, 10, 1), (0, 10, 0), (5, 0, nil),
        ] as [(UInt64?, UInt64?, Double?)])
    func theFractionIsKnownOnlyWithATotal(_ done: UInt64?, _ total: UInt64?, _ fraction: Double?) {
        var progress = ActionProgress(id: "1", backendID: "b", action: "a")
        progress.done = done
        progress.total = total
        #expect(progress.fraction == fraction)
    }

    private func merged(_ messages: [[UInt8]]) throws -> [JSONValue] {
        try messages.flatMap { try checked($0, type: "BackendStatus").array ?? [] }
    }

    @Test(
        "a fleet of any size is split into whole views, in order, none lost",
        arguments: [(0, 0), (1, 0), (1, 3), (2, 40), (50, 3), (50, 30), (500, 1), (500, 2000), (3, 2000)])
    func split(backends: Int, models: Int) throws {
        let views = (0..<backends).map { view($0, models: models) }
        let messages = UpdateEncoder.backendStatusMessages(views)
        #expect(messages.count >= 1)
        let data = try merged(messages)
        #expect(data.compactMap { $0["id"]?.string } == views.map(\.id))
        for view in data {
            let kept = try #require(view["models"]?.array?.count)
            let left = view["truncated"]?["models"]?.int ?? 0
            #expect(kept + Int(left) == models)
            #expect(left == 0 || kept > 20)
            #expect(view["url"]?.string?.isEmpty == false)
        }
    }

    @Test(
        "a fleet that fits is told whole, in one message", arguments: [(0, 0), (1, 0), (1, 30), (5, 4), (20, 0)])
    func wholeFleet(backends: Int, models: Int) throws {
        let views = (0..<backends).map { view($0, models: models) }
        let messages = UpdateEncoder.fleetMessages(views)
        #expect(messages.count == 1 && messages == UpdateEncoder.backendStatusMessages(views))
    }

    @Test(
        "a fleet that is too large loses models first, and stays one message",
        arguments: [(1, 500), (3, 40), (5, 4096), (20, 15)])
    func cutFleet(backends: Int, models: Int) throws {
        let messages = UpdateEncoder.fleetMessages((0..<backends).map { view($0, models: models) })
        #expect(messages.count == 1)
        let data = try merged(messages)
        #expect(data.compactMap { $0["id"]?.string } == (0..<backends).map { "backend-\($0)" })
        for view in data {
            let kept = try #require(view["models"]?.array?.count)
            #expect(kept + Int(view["truncated"]?["models"]?.int ?? 0) == models)
            #expect(view["metadata"]?["server"] == "Ollama 0.9")
        }
        #expect(messages[0].count > UpdateEncoder.messageLimit - 500)
    }

    @Test("the longest lists lose first")
    func fairness() throws {
        let views = [view(0, models: 3), view(1, models: 1000), view(2, models: 5), view(3, models: 800)]
        let data = try merged(UpdateEncoder.fleetMessages(views))
        let kept = data.compactMap { $0["models"]?.array?.count }
        #expect(kept[0] == 3 && kept[2] == 5 && kept[1] > 5 && abs(kept[1] - kept[3]) <= 1)
        #expect(data[0]["truncated"] == nil && data[1]["truncated"]?["models"]?.int == Int64(1000 - kept[1]))
    }

    @Test("a fleet that does not fit without any model loses errors and metadata before it is split")
    func slimFleet() throws {
        let views = (0..<20).map { index in
            var view = view(index, models: 10)
            view.status = .unhealthy
            view.lastError = String(repeating: "connection refused ", count: 50)
            return view
        }
        let messages = UpdateEncoder.fleetMessages(views)
        #expect(messages.count == 1)
        for view in try merged(messages) where messages.count == 1 {
            #expect(view["truncated"]?["last_error"] != nil && view["last_error"]?.string?.isEmpty == false)
        }
    }

    @Test("twenty-eight backends are one message, whatever they have")
    func twentyEight() throws {
        let views = (10..<38).map { index in
            var view = view(index, models: 4096)
            view.lastError = nil
            for key in ["adapter_image", "adapter_version", "probe_ms", "status_since"] {
                view.metadata[key] = "2026-01-02T03:04:05Z"
            }
            return view
        }
        let messages = UpdateEncoder.fleetMessages(views)
        #expect(messages.count == 1)
        let data = try merged(messages)
        #expect(data.count == 28 && data.allSatisfy { $0["truncated"]?["models"]?.int ?? 0 >= 4095 })
    }

    @Test("only what does not fit even then is split", arguments: [(60, 0), (60, 30), (500, 2000)])
    func splitFleet(backends: Int, models: Int) throws {
        let messages = UpdateEncoder.fleetMessages((0..<backends).map { view($0, models: models) })
        #expect(messages.count > 1 && messages.count <= backends / 15 + 1)
        let data = try merged(messages)
        #expect(data.compactMap { $0["id"]?.string } == (0..<backends).map { "backend-\($0)" })
        for view in data {
            let kept = view["models"]?.array?.count ?? 0
            #expect(kept + Int(view["truncated"]?["models"]?.int ?? 0) == models)
        }
    }

    @Test("messages are as few as whole views allow")
    func packed() {
        let messages = UpdateEncoder.backendStatusMessages((0..<100).map { view($0, models: 1) })
        let total = messages.reduce(0) { $0 + $1.count }
        #expect(messages.count <= total / 9_000 + 1)
    }

    @Test("a view whose size is just around the limit is never over it")
    func boundary() throws {
        for length in stride(from: 8_900, through: 10_300, by: 7) {
            var view = view(1, models: 2)
            view.lastError = String(repeating: "e", count: length)
            let data = try merged(UpdateEncoder.backendStatusMessages([view]))
            #expect(data.count == 1)
        }
    }

    @Test(
        "absurd texts converge",
        arguments: ["x", "\u{1}", "\"", "é", "👩‍👩‍👧‍👦", "e\u{301}\u{302}", "\u{2028}"])
    func absurdTexts(unit: String) throws {
        var absurd = view(1, models: 3)
        absurd.url = String(repeating: unit, count: 1_000_000 / unit.utf8.count)
        try expectOne(absurd, truncated: ["url"])
        let huge = String(repeating: unit, count: 30_000 / unit.utf8.count)
        absurd.url = huge
        absurd.id = huge
        absurd.name = huge
        absurd.backendType = huge
        absurd.discoverySource = huge
        absurd.lastError = huge
        absurd.metadata = [huge: huge, "k": huge]
        absurd.models = [Model(id: huge), Model(id: "small")]
        absurd.priority = .min
        absurd.pendingRequests = .max
        absurd.totalRequests = .max
        absurd.averageLatencyMilliseconds = 1.797e300
        try expectOne(
            absurd,
            truncated: ["metadata", "url", "last_error", "name", "backend_type", "discovery_source", "id", "models"])
    }

    private func expectOne(_ view: BackendView, truncated: [String]) throws {
        let ways = [
            UpdateEncoder.backendStatusMessages([view]), UpdateEncoder.fleetMessages([view]),
            UpdateEncoder.backendRemovedMessages(view),
        ]
        for messages in ways {
            let data = try merged(messages)
            #expect(data.count == 1)
            let members = data.first?["truncated"]?.object?.members.map(\.name) ?? []
            #expect(Set(truncated).subtracting(["models"]).isSubset(of: members))
            #expect(data.first?["url"]?.string?.isEmpty == false)
        }
    }

    @Test("one endless character is cut rather than kept")
    func endlessCluster() {
        let cluster = "a" + String(repeating: "\u{301}", count: 100_000)
        let cut = TextCutter.prefix(of: cluster, bytes: 257)
        #expect(cut.utf8.count <= 257 && cut.utf8.count > 200)
    }

    @Test("a text is cut between characters")
    func cutBetweenCharacters() {
        let family = "👩‍👩‍👧‍👦"
        let cut = TextCutter.prefix(of: String(repeating: family, count: 100), bytes: 260)
        #expect(cut == String(repeating: family, count: 260 / family.utf8.count))
        #expect(TextCutter.prefix(of: "short", bytes: 260) == "short")
    }

    @Test("a removed backend drains, has no models, and says so")
    func removal() throws {
        var gone = view(1, models: 2000)
        gone.pendingRequests = 2
        let data = try merged(UpdateEncoder.backendRemovedMessages(gone))
        #expect(data.count == 1)
        #expect(data.first?["removed"] == true)
        #expect(data.first?["status"] == "Draining")
        #expect(data.first?["models"] == [])
        #expect(data.first?["id"]?.string == gone.id)
        let present = try merged(UpdateEncoder.backendStatusMessages([gone]))
        #expect(present.first?["removed"] == nil)
    }

    @Test("a finished request is one message", arguments: ["model", "\u{1}", "界", "👩‍👩‍👧‍👦"])
    func requestComplete(unit: String) throws {
        var entry = HistoryEntry(
            timestamp: 1, model: "m", backendID: "b", durationMilliseconds: 1, status: .error, errorMessage: "no")
        entry.sequence = 3
        #expect(
            String(decoding: UpdateEncoder.requestCompleteMessage(entry), as: UTF8.self).hasPrefix(
                #"{"update_type":"RequestComplete","data":{"timestamp":1,"model":"m","backend_id":"b","#))
        for length in [256, 1024, 4000, 100_000] {
            let long = String(repeating: unit, count: length)
            entry.model = long
            entry.errorMessage = long
            entry.backendID = long
            entry.requestID = long
            let data = try checked(UpdateEncoder.requestCompleteMessage(entry), type: "RequestComplete")
            #expect(data["seq"] == 3)
            #expect(data["error_message"]?.string.map { long.hasPrefix($0) } == true)
        }
    }

    @Test("a change of models is one message", arguments: [0, 1, 40, 2000])
    func modelChange(count: Int) throws {
        let models = (0..<count).map { Model(id: "model-\($0)") }
        let data = try checked(
            UpdateEncoder.modelChangeMessage(backendID: "box", models: models), type: "ModelChange")
        #expect(data["backend_id"] == "box")
        let kept = data["models"]?.array?.count ?? -1
        #expect(kept + Int(data["truncated"]?["models"]?.int ?? 0) == count)
        #expect(data["models"]?[0]?["id"] == (count == 0 ? nil : "model-0"))
        _ = try checked(
            UpdateEncoder.modelChangeMessage(
                backendID: String(repeating: "\u{2}", count: 100_000), models: models), type: "ModelChange")
    }
}
