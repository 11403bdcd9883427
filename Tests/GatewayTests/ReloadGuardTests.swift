import Core
import Testing

@testable import Gateway

@Suite struct ReloadGuardTests {
    private func configuration(_ names: String...) throws -> Configuration {
        var configuration = Configuration()
        configuration.backends = try names.map {
            Configuration.Backend(name: $0, type: "t", url: try BackendURL("http://h"))
        }
        configuration.discover = names.isEmpty
        return configuration
    }

    @Test func whatTakesABackendAwayIsDoubtful() throws {
        #expect(ReloadGuard.loses(try configuration("a", "b"), try configuration("a")))
        #expect(ReloadGuard.loses(try configuration("a"), try configuration("b")))
        #expect(!ReloadGuard.loses(try configuration("a"), try configuration("b", "a")))
        #expect(!ReloadGuard.loses(try configuration(), try configuration()))
    }

    @Test func whatTakesAllAwayNeedsAWordOfTheOperator() throws {
        let before = try configuration("a", "b")
        let refusal = ReloadGuard.refusal(before, try configuration(), allowsEmpty: false)

        #expect(refusal?.contains("remove all 2") == true && refusal?.contains("--allow-empty") == true)
        #expect(ReloadGuard.refusal(before, try configuration(), allowsEmpty: true) == nil)
        #expect(ReloadGuard.refusal(before, try configuration("c"), allowsEmpty: false) == nil)
        #expect(ReloadGuard.refusal(try configuration(), try configuration(), allowsEmpty: false) == nil)
    }
}
