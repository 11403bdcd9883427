import Core
import JSON
import Testing

@testable import Dashboard

@Suite("The page as the server makes it")
struct PageRendererTests {
    private let now: Int64 = 1_767_323_045

    private func page(
        _ backends: [BackendView] = [], history: [HistoryEntry] = [], stats: Statistics = Statistics(),
        actions: [PageAction] = [], version: String = "1.2.3", parts: Set<PagePart>? = nil
    ) -> String {
        let state = PageState(
            stats: stats, backends: backends, history: history, actions: actions, version: version, now: now)
        return String(decoding: PageRenderer().render(state, parts: parts), as: UTF8.self)
    }

    /// What stands between the tag with that id and the next closing one of that name.
    private func part(_ id: String, of page: String, until closing: String) -> String {
        guard let tag = page.split(separator: "id=\"\(id)\"", maxSplits: 1).dropFirst().first,
            let body = tag.split(separator: ">", maxSplits: 1, omittingEmptySubsequences: false).dropFirst().first
        else { return "" }
        return body.split(separator: closing, maxSplits: 1, omittingEmptySubsequences: false).first.map(String.init)
            ?? ""
    }

    private func box(_ id: String, _ status: BackendStatus = .healthy, models: [Model] = []) -> BackendView {
        BackendView(id: id, name: id, url: "http://\(id):1", backendType: "ollama", status: status, models: models)
    }

    private func entry(_ sequence: UInt64, error: String? = nil) -> HistoryEntry {
        var entry = HistoryEntry(
            timestamp: now, model: "m\(sequence)", backendID: "b", durationMilliseconds: 1234,
            status: error == nil ? .success : .error, errorMessage: error)
        entry.sequence = sequence
        return entry
    }

    @Test("an empty gateway shows its empty states")
    func empty() {
        let page = page()
        for id in ["no-backends", "no-models", "no-history"] {
            #expect(page.contains("id=\"\(id)\" class=\"empty\">"), "\(id)")
        }
        #expect(part("uptime", of: page, until: "</span>") == "0s")
        #expect(part("active-backends", of: page, until: "</span>") == "0")
        #expect(part("backend-cards", of: page, until: "</div>").isEmpty)
        #expect(part("history-tbody", of: page, until: "</tbody>").isEmpty)
        #expect(!page.contains("{{"))
    }

    @Test("a page without a script has a banner, a link and a refresh")
    func withoutScript() {
        let page = page()
        #expect(page.contains("<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>"))
        #expect(page.contains("href=\"/\">Refresh</a></div></noscript>"))
        #expect(page.contains("<title>Nexus Dashboard</title>") && page.contains("<h1>Nexus Dashboard</h1>"))
        #expect(page.contains("This page was made at 03:04:05 UTC"), "all times in one form")
    }

    @Test("summary")
    func summary() {
        var stats = Statistics(uptimeSeconds: 3_700)
        stats.requests.total = 1234
        stats.requests.errors = 12
        let model = Model(id: "m")
        let page = page(
            [
                box("a", models: [model]), box("b", models: [model, Model(id: "n")]),
                box("c", .unhealthy, models: [Model(id: "o")]),
            ],
            stats: stats)
        #expect(part("uptime", of: page, until: "<") == "1h 1m")
        #expect(part("total-requests", of: page, until: "<") == "1,234")
        #expect(part("requests-note", of: page, until: "<") == "12 errors (1.0%)")
        #expect(part("active-backends", of: page, until: "<") == "2")
        #expect(part("backends-note", of: page, until: "<") == "of 3, 1 unhealthy")
        #expect(part("available-models", of: page, until: "<") == "2")
    }

    @Test("cards: what is down comes first, with its reason")
    func cards() throws {
        var down = box("zeta", .unhealthy)
        down.lastError = "connection refused"
        down.lastHealthCheck = Double(now - 12)
        down.metadata = ["status_since": "2026-01-02T03:00:00Z"]
        let cards = part(
            "backend-cards", of: page([box("alpha"), box("beta", .unknown), box("gamma", .draining), down]),
            until: "<p id=")
        let classes = cards.split(separator: "<article class=\"").map { $0.prefix { $0 != "\"" } }
        #expect(
            classes == [
                "backend-card unhealthy", "backend-card unknown", "backend-card unknown draining",
                "backend-card healthy",
            ])
        #expect(cards.contains("<strong>Last error:</strong> connection refused"))
        #expect(cards.contains("Unhealthy since <time datetime=\"2026-01-02T03:00:00Z\""))
        #expect(cards.contains("12 s ago</time>"))
        #expect(cards.contains("No models"))
    }

    @Test("a card names a few models and counts the rest")
    func cardModels() {
        let page = page([box("a", models: (1...9).map { Model(id: "m\($0)") })])
        #expect(page.contains("<li>m6</li><li class=\"more\">3 more</li>"))
    }

    @Test("a card that is well by its probes says what fails there, and comes before those that are well")
    func troubledCard() {
        func trouble(_ kind: Trouble.Kind, _ subject: Trouble.Subject) -> Trouble {
            Trouble(
                kind: kind, severity: .critical, subject: subject, since: 5, what: "6 of 6 <failed>", why: "CUDA",
                link: "history")
        }
        for layout in PageOptions.Layout.allCases {
            var state = PageState(
                trouble: TroubleList(items: [
                    trouble(.errorRate, .model("m", backend: "z", name: "z")), trouble(.queueFull, .gateway),
                    trouble(.down, .backend(id: "a", name: "a")),
                ]),
                backends: [box("a"), box("z")], version: "1", now: now)
            state.options.layout = layout
            let html = String(decoding: PageRenderer().render(state, parts: [.backends]), as: UTF8.self)
            let cards = html.split(separator: "<article ").dropFirst().map(String.init)
            #expect(cards.count == 2 && cards[0].contains("data-id=\"z\""))
            #expect(cards[0].contains("healthy troubled\"") && cards[0].contains("6 of 6 &lt;failed&gt;: CUDA"))
            #expect(!cards[1].contains("backend-trouble"), "its state says it, or it is of no backend")
        }
    }

    @Test("matrix: a row a model, a column a backend, a check mark where it is available")
    func matrix() {
        let big = Model(id: "a", contextLength: 131_072, capabilities: [.vision, .tools, .jsonMode])
        let page = page([
            box("one", models: [Model(id: "b"), big]), box("two", models: [big]),
            box("three", .unhealthy, models: [big, Model(id: "gone")]),
        ])
        let body = part("model-matrix-tbody", of: page, until: "</tbody>")
        let rows = body.split(separator: "<tr ").map(String.init)
        #expect(rows.count == 3)
        #expect(rows.first?.contains("<td class=\"number\">128K</td>") == true)
        // Columns by name: one, three, two. What is known of one that is down is in brackets, what is not is blank.
        let marks = rows.map { row in
            row.replacing("(✓)", with: "•").replacing("<td class=\"missing\"></td>", with: "_").filter {
                "✓•_–".contains($0)
            }
        }
        #expect(marks == ["✓•✓", "–✓_–", "––•–"])
        #expect(rows.last?.contains("not now: unhealthy") == true && rows.last?.hasPrefix("class=\"out\"") == true)
        #expect(rows.first?.split(separator: "badge capability").count == 4)
        #expect(
            part("model-matrix-head", of: page, until: "</tr>").contains(
                "three</bdi><small class=\"unhealthy\">Unhealthy"))
    }

    @Test("a vast matrix is cut and says so")
    func vastMatrix() {
        let matrix = ModelMatrix([box("a", models: (0..<301).map { Model(id: "m\($0)") })])
        let note = String(decoding: matrix.note.bytes, as: UTF8.self)
        #expect(note.hasPrefix("Not shown: 1 model. <a class=\"scripted\" href=\"#models\">"))
        #expect(matrix.modelCount == 301)
    }

    @Test("history: newest first, at most 100, an error shows its message")
    func history() {
        let entries = (1...150).map { entry($0, error: $0 == 150 ? "it broke" : nil) }
        let rows = part("history-tbody", of: page(history: entries), until: "</tbody>").split(separator: "<tr ")
        #expect(rows.count == 100)
        #expect(rows.first?.contains("data-seq=\"150\"") == true)
        #expect(rows.first?.contains("<span class=\"error-message\">it broke</span>") == true)
        #expect(rows.last?.contains("data-seq=\"51\"") == true)
        #expect(rows.last?.contains("1.23 s") == true && rows.last?.contains("03:04:05 UTC") == true)
    }

    @Test("no text from outside becomes markup, anywhere")
    func injection() {
        let evil = "</script><script>alert(1)</script><img src=x onerror=\"a\">{{version}}'"
        var view = BackendView(
            id: evil, name: evil, url: evil, backendType: evil, status: .healthy, lastError: evil,
            models: [Model(id: evil, name: evil)], discoverySource: evil, metadata: ["status_since": evil])
        var down = view
        down.id = "other"
        down.status = .unhealthy
        view.lastHealthCheck = .nan
        var bad = entry(1, error: evil)
        bad.model = evil
        bad.backendID = evil
        bad.timestamp = .max
        let page = page([view, down], history: [bad], version: evil)
        #expect(!page.contains("alert(1)<") && !page.contains("<img"))
        // The module's tag and the data's.
        #expect(page.split(separator: "<script").count == 3)
        #expect(page.split(separator: "</script", omittingEmptySubsequences: false).count == 3)
        #expect(page.contains("&lt;img src=x onerror=&quot;a&quot;&gt;{{version}}&#39;"))
    }

    @Test("parts are the page's own, by themselves and in its order")
    func parts() {
        let whole = page([box("a", models: [Model(id: "m")])], history: [entry(1)])
        for part in PagePart.allCases {
            let alone = page([box("a", models: [Model(id: "m")])], history: [entry(1)], parts: [part])
            #expect(alone.hasPrefix("<section id=\"\(part.rawValue)\" ") && alone.hasSuffix("</section>"))
            #expect(whole.contains(alone))
        }
        let two = page(parts: [.history, .summary])
        #expect(two == page(parts: [.summary]) + page(parts: [.history]))
        #expect(page(parts: []).isEmpty)
    }

    @Test(
        "the query names parts",
        arguments: [
            ("", nil), ("a=b", nil), ("parts=summary", [.summary]),
            ("x=1&parts=history,summary", [.history, .summary]),
            ("parts=", []), ("parts=nothing,models", [.models]), ("parts", nil),
        ] as [(String, Set<PagePart>?)])
    func query(_ query: String, _ expected: Set<PagePart>?) {
        #expect(PagePart.named(inQuery: query) == expected)
    }

    @Test("a running action shows on its backend's card with how far it is, and for a minute how it ended")
    func actions() {
        var pull = ActionProgress(id: "1", backendID: "a", action: "pull")
        pull.message = "pulling <manifest>"
        #expect(card(pull).contains("pulling &lt;manifest&gt;</span><progress aria-label=\"pull\">running</progress>"))
        pull.done = 1
        pull.total = 3
        #expect(card(pull).contains("<progress aria-label=\"pull\" max=\"100\" value=\"33\">33%</progress>"))
        pull.status = .failed
        pull.error = "no space"
        #expect(card(pull, endedAt: now - 59).contains("Failed</span><span class=\"error-message\">no space</span>"))
        #expect(!card(pull, endedAt: now - 60).contains("class=\"actions\""))
        pull.backendID = "another"
        #expect(!card(pull).contains("class=\"actions\""))
    }

    private func card(_ progress: ActionProgress, endedAt: Int64? = nil) -> String {
        page([box("a")], actions: [PageAction(progress, endedAt: endedAt)], parts: [.backends])
    }

    @Test("the data of the page is what the routes give")
    func initialData() throws {
        let views = [box("a", models: [Model(id: "m")])]
        let history = [entry(1), entry(2, error: "x")]
        let data = try JSONValue.parse(part("initial-data", of: page(views, history: history), until: "</script>"))
        #expect(data["models"] == (try JSONValue.parse(ContractEncoder.modelList(views))))
        #expect(data["history"] == (try JSONValue.parse(ContractEncoder.history(history))))
        #expect(data["backends"] == (try JSONValue.parse(ContractEncoder.backends(views)))["data"])
        #expect(data["stats"] == (try JSONValue.parse(ContractEncoder.statistics(Statistics()))))
    }

    @Test("the policy allows nothing inline and nothing from elsewhere")
    func policy() {
        let policy = PageRenderer.contentSecurityPolicy
        #expect(policy.hasPrefix("default-src 'none'; script-src 'self';"))
        #expect(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe") && !policy.contains("*"))
    }
}

@Suite("The trouble strip")
struct TroubleStripTests {
    private let now: Int64 = 1_767_323_045

    private func strip(_ list: TroubleList) -> String {
        let state = PageState(trouble: list, version: "1", now: now)
        return String(decoding: PageRenderer().render(state, parts: [.trouble]), as: UTF8.self)
    }

    private func trouble(_ why: String = "connection refused", severity: Trouble.Severity = .critical) -> Trouble {
        Trouble(
            kind: .down, severity: severity, subject: .backend(id: "b", name: "box-2"), since: Double(now - 60),
            what: "box-2 is down", why: why, link: "overview&backend=b")
    }

    @Test("where all is well there is nothing")
    func empty() {
        let html = strip(TroubleList())
        #expect(html.contains("<section id=\"trouble\" class=\"trouble\" aria-labelledby=\"trouble-heading\" hidden>"))
        #expect(!html.contains("<li"))
    }

    @Test("each trouble is words, a mark and a link")
    func item() {
        let html = strip(TroubleList(items: [trouble()]))
        #expect(!html.contains(" hidden>"))
        #expect(html.contains("class=\"trouble-item\" data-kind=\"down\" data-severity=\"critical\""))
        #expect(html.contains("href=\"#overview&amp;backend=b\"><bdi class=\"trouble-what\">box-2 is down</bdi></a>"))
        #expect(html.contains("since <time datetime=\"2026-01-02T03:03:05Z\" data-kind=\"clock\">03:03:05 UTC</time>"))
        #expect(html.contains(": <bdi class=\"trouble-why\">connection refused</bdi>"))
        #expect(html.contains("<span aria-hidden=\"true\">✕</span> Critical"))
    }

    @Test("words from outside are text")
    func hostile() {
        let html = strip(TroubleList(items: [trouble("<script>alert(1)</script>\"'&")]))
        #expect(!html.contains("<script>") && html.contains("&lt;script&gt;"))
    }

    @Test("what is left out is counted")
    func omitted() {
        #expect(strip(TroubleList(items: [trouble()], omitted: 1200)).contains(">1,200 more</li>"))
    }
}
