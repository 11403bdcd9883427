import Core
import Testing

@testable import Gateway

@Suite struct ListenGuardTests {
    private func configuration(_ host: String, keys: Bool = false, allows: Bool = false) -> Configuration {
        var configuration = Configuration()
        configuration.server.host = host
        configuration.access.isRequired = keys
        configuration.access.allowsUnauthenticated = allows
        return configuration
    }

    @Test(arguments: ["127.0.0.1", "127.8.9.1", "::1", "localhost"]) func loopbackIsForEverybody(_ host: String) {
        #expect(ListenGuard.problem(configuration(host)) == nil && ListenGuard.warning(configuration(host)) == nil)
    }

    @Test(arguments: ["0.0.0.0", "::", "192.168.1.2", "127.example.org", "box"])
    func elsewhereItTakesKeysOrThatItIsMeant(_ host: String) {
        #expect(ListenGuard.problem(configuration(host))?.contains("--allow-unauthenticated") == true)
        #expect(ListenGuard.problem(configuration(host, keys: true)) == nil)
        #expect(ListenGuard.problem(configuration(host, allows: true)) == nil)
        #expect(ListenGuard.warning(configuration(host, allows: true)) != nil)
        #expect(ListenGuard.warning(configuration(host, keys: true)) == nil)
    }

    @Test func socketsThatAreGivenCountInsteadOfTheConfiguredAddress() {
        let own = configuration("127.0.0.1")
        #expect(ListenGuard.problem(own, hosts: ["127.0.0.1", "0.0.0.0"])?.contains("0.0.0.0") == true)
        #expect(ListenGuard.problem(configuration("0.0.0.0"), hosts: ["127.0.0.1"]) == nil)
        #expect(
            ListenGuard.warning(configuration("::1", allows: true), hosts: ["10.0.0.1"])?.contains("10.0.0.1") == true)
    }

    @Test func aNamedFileWithKeysThatIsNotThereIsTold() {
        var open = configuration("::1")
        open.access.missingKeysFile = "/etc/kyes.toml"
        #expect(
            ListenGuard.missingKeys(open.access)
                == "there is no file with keys /etc/kyes.toml, so that nobody needs a key; "
                + "'nexus keys add NAME --keys-file /etc/kyes.toml' makes it")
        open.access.isRequired = true
        #expect(ListenGuard.missingKeys(open.access)?.contains("nobody needs a key") == false)
        #expect(ListenGuard.missingKeys(configuration("::1").access) == nil)
        open.access.isRequired = false
        open.server.host = "0.0.0.0"
        #expect(ListenGuard.problem(open)?.contains("nexus keys add NAME --keys-file /etc/kyes.toml") == true)
    }

    @Test func aReloadDoesNotOpenIt() {
        #expect(ListenGuard.refusal(configuration("::1", keys: true), configuration("::1")) != nil)
        #expect(ListenGuard.refusal(configuration("::1"), configuration("::1", keys: true)) == nil)
    }
}
