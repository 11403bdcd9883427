import Testing

@testable import Core

@Suite struct WrittenTypeTests {
    private func encoded(_ view: BackendView) -> String {
        String(decoding: ContractEncoder.backend(view), as: UTF8.self)
    }

    @Test func theNameOfAKindIsShownWithTheAdapterBehindIt() {
        var view = BackendView(id: "a", name: "a", url: "http://x", backendType: "llamacpp")
        view.adapter = "openai"

        #expect(encoded(view).contains(#""backend_type":"llamacpp","adapter":"openai","#))
    }

    @Test func anAdaptersTypeIsShownAlone() {
        let view = BackendView(id: "a", name: "a", url: "http://x", backendType: "openai")

        #expect(encoded(view).contains(#""backend_type":"openai","status""#))
    }

    @Test func anotherWordForTheSameLeavesTheInstance() throws {
        let before = Configuration.Backend(name: "a", type: "openai", url: try BackendURL("http://x"))
        var after = before
        after.writtenType = "generic"

        let steps = BackendPlan.steps(
            running: [BackendPlan.Part(definition: before, image: 1)],
            wanted: [BackendPlan.Part(definition: after, image: 1)])
        #expect(steps == [.relabel(after)])
    }
}
