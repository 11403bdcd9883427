import Testing

@testable import Config

@Suite struct AdapterDirectoriesTests {
    @Test func aDirectoryThatIsNamedAndNotThereIsMissing() {
        #expect(AdapterDirectories.missing(of: ["/usr", "/nowhere/adapters", "/dev/null/adapters"]).count == 2)
    }

    @Test func nobodyHasToHaveTheStandardOnes() {
        #expect(AdapterDirectories.missing(of: AdapterDirectories.standard).isEmpty)
    }
}
