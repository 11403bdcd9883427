import Testing

@testable import Gateway

@Suite struct ServerTypeTests {
    private typealias Candidate = ServerType.Candidate

    private func best(_ candidates: [Candidate]) -> String? { candidates.max { $0.isLess(than: $1) }?.type }

    private func candidate(
        _ type: String, server: String = "", isNamed: Bool = false, isAtHome: Bool = false, homes: Int = 1
    ) -> Candidate {
        Candidate(type: type, server: server, isNamed: isNamed, isAtHome: isAtHome, homes: homes)
    }

    @Test func theAdapterThatTheServerNamesIsTaken() {
        let ollama = candidate("ollama", server: "Ollama 0.9", isNamed: true)

        #expect(best([candidate("openai", homes: 6), ollama]) == "ollama")
        #expect(best([ollama, candidate("openai", homes: 6)]) == "ollama")
    }

    @Test func aVersionSaysMoreThanAName() {
        let imitated = candidate("ollama", server: "Ollama", isNamed: true)

        #expect(best([imitated, candidate("openai", server: "llama.cpp b42", isNamed: true, homes: 6)]) == "openai")
    }

    @Test func elseTheDefaultAddressesDecide() {
        #expect(best([candidate("a", isAtHome: true, homes: 6), candidate("b")]) == "a")
        #expect(best([candidate("a", homes: 6), candidate("b", homes: 1)]) == "b")
        #expect(best([candidate("b"), candidate("a")]) == "a" && best([]) == nil)
    }
}
