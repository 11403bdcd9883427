import Core
import JSON
import Testing

@testable import Dialects

@Suite struct OllamaDocumentTests {
    @Test(arguments: OllamaCase.all("documents"))
    func aDocumentTellsWhatTheBackendsTell(_ golden: OllamaCase) throws {
        let views = try #require(golden.member("views").array).map(Self.view)
        let document: [UInt8]? =
            switch try golden.string("document") {
            case "tags": OllamaDocuments.tags(views)
            case "ps": OllamaDocuments.ps(views)
            case "version": OllamaDocuments.version
            case "show": OllamaDocuments.show(model: try golden.string("model"), verbose: false, views: views)
            default: Array("unknown document".utf8)
            }
        let expected = try golden.member("expected")
        #expect(try document.map { try JSONValue.parse($0).text } == (expected.isNull ? nil : expected.text))
    }

    @Test func thereAreCases() { #expect(OllamaCase.all("documents").count >= 8) }

    @Test func aMadeUpDigestIsStableAndTellsModelsApartByItsStart() throws {
        let ids = (0..<2000).map { "model-\($0)" } + ["a", "b", "ab", "ba"]
        let digests = ids.map { OllamaModel.merged([Self.view(["models": [["id": .string($0)]]])])[0].digest }
        #expect(digests.allSatisfy { $0.count == 64 && $0.allSatisfy(\.isHexDigit) })
        #expect(Set(digests.map { $0.prefix(12) }).count == ids.count)
        #expect(digests.last == OllamaModel.merged([Self.view(["models": [["id": "ba"]]])])[0].digest)
    }

    @Test(
        arguments: [
            ("llama3", "llama3:latest"), ("llama3:latest", "llama3"), ("Llama3:LATEST", "Llama3"), ("llama3:8b", nil),
            ("host:5000/llama3", "host:5000/llama3:latest"), ("a/b:latest", "a/b"), (":latest", nil), ("", nil),
            ("x\u{1A}latest", "x\u{1A}latest:latest"),
        ] as [(String, String?)])
    func theTagLatestMayBeLeftOut(_ name: String, _ counterpart: String?) {
        #expect(OllamaNames.counterpart(name) == counterpart)
    }

    /// A backend, healthy unless it says otherwise, in the words of the case.
    private static func view(_ value: JSONValue) -> BackendView {
        let name = value["name"]?.string ?? "one"
        let status = value["status"]?.string.flatMap(BackendStatus.init) ?? .healthy
        return BackendView(
            id: name, name: name, url: "http://127.0.0.1:1", backendType: "test", status: status,
            models: (value["models"]?.array ?? []).map(model))
    }

    private static func model(_ value: JSONValue) -> Model {
        let bits: [(String, Capabilities)] = [
            ("vision", .vision), ("tools", .tools), ("thinking", .thinking), ("embedding", .embedding),
        ]
        let words = (value["capabilities"]?.array ?? []).compactMap(\.string)
        func count(_ name: String) -> UInt64? { value[name]?.int.flatMap { UInt64(exactly: $0) } }
        var model = Model(
            id: value["id"]?.string ?? "", name: value["name"]?.string, contextLength: count("context") ?? 0,
            capabilities: bits.reduce(into: []) { if words.contains($1.0) { $0.formUnion($1.1) } },
            created: value["created"]?.int ?? 0)
        model.size = count("size")
        model.memory = count("memory")
        model.deviceMemory = count("deviceMemory")
        model.isLoaded = value["loaded"]?.bool
        switch value["until"] {
        case .string("forever"): model.loadedUntil = .forever
        case .number(let seconds): model.loadedUntil = seconds.int.map { .time($0) }
        default: break
        }
        for (name, detail) in value["details"]?.object?.members ?? [] { model.details[name] = detail.string }
        return model
    }
}
