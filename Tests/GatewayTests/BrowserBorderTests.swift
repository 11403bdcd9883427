import Testing

@testable import Gateway

@Suite struct BrowserBorderTests {
    @Test(arguments: [
        "127.0.0.1", "127.0.0.1:8000", "192.168.1.20", "[::1]", "[::1]:8000", "[fe80::1%25eth0]:1", "localhost",
        "LOCALHOST:80", "localhost.", "nexus.localhost", "workstation", "gpu_box:8000", "0.0.0.0:1",
    ]) func addressesLoopbackNamesAndNamesWithoutADotAreAdmitted(_ host: String) {
        #expect(BrowserBorder().admits(host: host))
    }

    @Test(arguments: [
        "evil.com", "evil.com:8000", "localhost.evil.com", "127.0.0.1.evil.com", "1.2.3.4.5", "evil.com.", "a.b",
        "[::1].evil.com", "[::1", "[evil.com]", "[::1%a b]", "[::1%@x]", "[::1%/x]", "x@127.0.0.1", "127.0.0.1:x",
        "localhost:123456", "", ":80", ".",
        "a..b",
        "evil.com/localhost", "evil.com#.localhost", "evil.com\\.localhost",
    ]) func whatOthersMayHaveTheirNamesLeadHereIsNot(_ host: String) {
        #expect(!BrowserBorder().admits(host: host))
    }

    @Test(arguments: [
        ("evil.example", true), ("a,b:80", true), ("", true), (":80", true), ("[::1%25x]:1", true), ("a b", false),
        ("a@b", false),
        ("a/b", false), ("a:x", false), ("[::1", false), ("[::1]x", false), ("é", false), ("a#b", false),
        ("a\\b", false),
    ]) func whatIsNoHostAtAllIsTold(_ host: String, _ isHost: Bool) {
        #expect(BrowserBorder.isHost(host) == isHost)
    }

    @Test func configuredNamesAreAdmittedInAnySpelling() {
        let border = BrowserBorder(hostnames: ["Nexus.example.org", "*.lan.example"])

        #expect(border.admits(host: "nexus.EXAMPLE.org:443") && border.admits(host: "nexus.example.org."))
        #expect(border.admits(host: "a.b.lan.example"))
        #expect(!border.admits(host: "lan.example") && !border.admits(host: "evil-lan.example"))
        #expect(!border.admits(host: "x.nexus.example.org"))
        #expect(BrowserBorder(hostnames: ["*"]).admits(host: "any.example"))
    }

    @Test(
        arguments: [
            (nil, "h:8000", [], true), ("http://h:8000", "h:8000", [], true), ("https://H:8000", "h:8000", [], true),
            ("http://evil", "h:8000", [], false), ("null", "h:8000", [], false), ("http://h:8000", nil, [], false),
            ("", "h:8000", [], false), ("http://h:80000", "h:8000", [], false),
            ("https://ops.example", "h:8000", ["https://ops.example"], true),
            ("https://ops.example.evil", "h:8000", ["https://ops.example"], false),
            ("http://any", "h:8000", ["*"], true),
        ] as [(String?, String?, [String], Bool)])
    func onlyPagesOfThisHostOrOfConfiguredOriginsAreAdmitted(
        _ origin: String?, _ host: String?, _ configured: [String], _ allowed: Bool
    ) {
        #expect(BrowserBorder(allowedOrigins: configured).admits(origin: origin, host: host) == allowed)
    }

    @Test(
        arguments: [
            ("https://ops.example", ["https://ops.example"], true, .granted("https://ops.example")),
            ("http://any", ["*"], true, .granted("http://any")), ("null", ["null"], true, .granted("null")),
            // A page of this host reads what it gets without being told.
            ("http://h:8000", ["https://ops.example"], true, .varies), (nil, ["https://ops.example"], true, .varies),
            ("https://ops.example", ["https://ops.example"], false, .untold), (nil, ["*"], false, .untold),
            ("http://h:8000", [], true, .untold), (nil, [], true, .untold),
        ] as [(String?, [String], Bool, CrossOrigin)])
    func onlyPagesOfConfiguredOriginsAreToldThatTheyMayRead(
        _ origin: String?, _ configured: [String], _ isForClients: Bool, _ expected: CrossOrigin
    ) {
        let border = BrowserBorder(allowedOrigins: configured)
        #expect(border.crossOrigin(origin, isForClients: isForClients) == expected)
    }

    @Test func onlyTheGatewaysOwnPageAndProgramsGiveCommands() {
        let border = BrowserBorder(allowedOrigins: ["*", "https://chat.example"])
        #expect(border.admitsCommand(origin: nil, host: "gw:8000"))
        #expect(border.admitsCommand(origin: "http://GW:8000", host: "gw:8000"))
        for origin in ["https://chat.example", "http://gw:8001", "null", ""] {
            #expect(!border.admitsCommand(origin: origin, host: "gw:8000"), "\(origin)")
        }
        #expect(!border.admitsCommand(origin: "http://gw", host: nil))
    }
}
