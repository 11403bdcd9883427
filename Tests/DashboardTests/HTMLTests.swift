import Testing

@testable import Dashboard

private func text(_ html: HTML) -> String { String(decoding: html.bytes, as: UTF8.self) }

@Suite("HTML")
struct HTMLTests {
    @Test("literals are markup, values are text")
    func escaping() {
        let value = "<b title=\"x\">'&'</b>"
        #expect(
            text("<p class=\"\(value)\">\(value)</p>") == """
                <p class="&lt;b title=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/b&gt;">\
                &lt;b title=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/b&gt;</p>
                """)
    }

    @Test("markup inside markup is not escaped twice; numbers are plain")
    func nesting() {
        let inner: HTML = "<i>\("&")</i>"
        #expect(text("<b>\(inner)\(5)</b>") == "<b><i>&amp;</i>5</b>")
    }

    @Test("control characters are replaced, white space and other languages are kept")
    func controls() {
        #expect(text("\("a\u{0}\u{1b}\u{7f}\t\nß界")") == "a\u{FFFD}\u{FFFD}\u{FFFD}\t\nß界")
    }
}

@Suite("Template")
struct TemplateTests {
    @Test("known places become slots, everything else stays")
    func parsing() {
        let template = Template(Array("a{{uptime}}b{{nothing}}{{}}{{{version}}}{{version".utf8))
        #expect(
            template.segments == [
                .markup(Array("a".utf8)), .slot(.uptime), .markup(Array("b{{nothing}}{{}}{".utf8)), .slot(.version),
                .markup(Array("}{{version".utf8)),
            ])
        #expect(Template([]).segments.isEmpty)
        #expect(
            Template(Array("{{part models}}a{{end}}{{part x}}".utf8)).segments == [
                .begin(.models), .markup(Array("a".utf8)), .end, .markup(Array("{{part x}}".utf8)),
            ])
    }

    @Test("the page has every place once")
    func page() {
        let slots = Template(AssetStore.shared.template).segments.compactMap {
            if case .slot(let slot) = $0 { slot.rawValue } else { nil }
        }
        #expect(Set(slots).sorted() == Template.Slot.allCases.map(\.rawValue).sorted())
    }
}

@Suite("Format")
struct FormatTests {
    @Test(
        "durations",
        arguments: [
            (0, "0 ms"), (999, "999 ms"), (1000, "1.00 s"), (1234, "1.23 s"), (9994, "9.99 s"), (9995, "10.0 s"),
            (59_949, "59.9 s"), (59_950, "1 min 00 s"), (125_000, "2 min 05 s"),
            (UInt64.max, "307,445,734,561,825 min 52 s"),
        ] as [(UInt64, String)])
    func durations(milliseconds: UInt64, expected: String) {
        #expect(Format.duration(milliseconds: milliseconds) == expected)
    }

    @Test("counts")
    func counts() {
        #expect(Format.count(UInt64(0)) == "0")
        #expect(Format.count(UInt64(999)) == "999")
        #expect(Format.count(UInt64(1000)) == "1,000")
        #expect(Format.count(-1_234_567) == "-1,234,567")
        #expect(Format.count(1, "model", "models") == "1 model")
    }

    @Test("uptime, context, share, age, latency")
    func rest() {
        #expect([5, 65, 3_660, 187_432].map { Format.uptime(seconds: $0) } == ["5s", "1m 5s", "1h 1m", "2d 4h"])
        #expect([0, 2048, 128_000, 131_072, 777].map { Format.context($0) } == ["–", "2K", "128K", "128K", "777"])
        #expect(Format.percent(271, of: 22_372) == "1.2%")
        #expect(Format.rate(0) == "0.0")
        #expect(Format.rate(7.44) == "7.4")
        #expect(Format.rate(7.45) == "7.5")
        #expect(Format.rate(99.94) == "99.9")
        #expect(Format.rate(99.95) == "100")
        #expect(Format.rate(142.4) == "142")
        #expect(Format.rate(1050.5) == "1,051")
        #expect(Format.percent(0, of: 0) == "0.0%")
        #expect(
            [-3, 12, 95, 7_300, 200_000].map { Format.age(seconds: $0) }
                == ["just now", "12 s ago", "1 min ago", "2 h ago", "2 d ago"])
        #expect(Format.latency(milliseconds: 0) == "–")
        #expect(Format.latency(milliseconds: .nan) == "–")
        #expect(Format.latency(milliseconds: 841.6) == "842 ms")
    }

    @Test("the time of day, with the date when it is another day")
    func clock() {
        #expect(Format.clock(1_767_323_045, now: 1_767_323_046) == "03:04:05 UTC")
        #expect(Format.clock(1_767_323_045, now: 1_767_423_046) == "2026-01-02 03:04:05 UTC")
        #expect(Format.clock(.max, now: 0) == nil)
    }
}
