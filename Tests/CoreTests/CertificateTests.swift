import Testing

@testable import Core

@Suite struct ClientCertificateTests {
    private let certificate = ClientCertificate(name: "alice", expires: 1000, authorities: 2)

    @Test func countsUnderItsOwnAuthoritiesUntilItsEnd() {
        #expect(certificate.counts(under: 2, wall: 999))
        #expect(!certificate.counts(under: 2, wall: 1000))
        #expect(!certificate.counts(under: 3, wall: 1))
        #expect(!certificate.counts(under: nil, wall: 1))
    }

    @Test func anyNameIsShownInOneShortLine() {
        func name(_ text: String) -> String { ClientCertificate(name: text, expires: 0, authorities: 1).name }
        #expect(name("a\nb\u{202E}c") == "a bc")
        #expect(name("") == "unnamed" && name(" \n") == "unnamed")
        #expect(name(String(repeating: "ä", count: 1000)).utf8.count <= 68)
    }
}

@Suite struct SelfSignedTests {
    @Test func namesAndAddressesAreToldApartAndWrittenOnce() throws {
        let made = try SelfSigned(["Box", "box.local", "*.home.arpa", "127.0.0.1", "::1", "0:0:0:0:0:0:0:1", "box"])
        #expect(made.hosts == ["box", "box.local", "*.home.arpa"] && made.addresses == ["127.0.0.1", "::1"])
        let lines = made.configuration.split(separator: "\n")
        #expect(lines.contains("CN = box") && lines.contains("DNS.3 = *.home.arpa") && lines.contains("IP.2 = ::1"))
        #expect(lines.contains("basicConstraints = critical, CA:FALSE"))
    }

    @Test(arguments: ["", "*", "https://box", "box:443", "a b", "a\nDNS.9 = evil", "ä", "1.2.3.4/8"])
    func whatIsNoNameIsRefused(_ name: String) {
        #expect(throws: SelfSigned.BadName.self) { try SelfSigned([name]) }
    }

    @Test func aNameTooLongForASubjectStaysOutOfIt() throws {
        let long = String(repeating: "a", count: 60) + ".example"
        #expect(try SelfSigned([long, "short"]).commonName == "short")
        #expect(try SelfSigned([long]).commonName == "nexus")
    }

    @Test func namesAreBounded() throws {
        #expect(throws: SelfSigned.BadName.self) { try SelfSigned((0...100).map { "host\($0)" }) }
    }
}
