import Core
import Dialects
import JSON
import Testing

@testable import Gateway

/// Which model a client's name stands for.
@Suite struct ModelNamesTests {
    private func names(
        _ held: [String], aliases: [String: ModelAlias] = [:], fallbacks: [String: [String]] = [:], lot: UInt64? = nil
    ) -> ModelNames {
        ModelNames(
            aliases: ModelAliases(aliases, fallbacks: fallbacks),
            snapshot: RegistrySnapshot(holders: Dictionary(uniqueKeysWithValues: held.map { ($0, [0]) })), lot: lot)
    }

    @Test(
        arguments: [
            ("llama3", ["llama3", "llama3:latest"], "llama3"),
            ("llama3", ["llama3:latest"], "llama3:latest"),
            ("llama3:latest", ["llama3"], "llama3"),
            ("llama3:8b", ["llama3", "llama3:8b:latest"], "llama3:8b"),
            ("Llama3", ["llama3", "LLAMA3"], "LLAMA3"),
            ("Llama3", ["llama3:latest", "LLAMA3"], "LLAMA3"),
            ("Llama3", ["llama3:latest"], "llama3:latest"),
            ("llama3:Latest", ["LLama3"], "LLama3"),
            ("QWEN/qwen3:4B", ["Qwen/Qwen3:4b"], "Qwen/Qwen3:4b"),
            ("host:5000/llama3", ["host:5000/LLama3:latest"], "host:5000/LLama3:latest"),
            ("unknown", ["known"], "unknown"),
            ("", ["known"], ""),
        ])
    func aNameIsFoundAsItIsThenWithTheTagThenInAnyCase(_ asked: String, _ held: [String], _ resolved: String) {
        #expect(names(held).resolve(asked).resolved == resolved)
    }

    @Test(
        arguments: [
            ("fast", "llama3:latest", "fast"), ("Fast", "llama3:latest", "fast"),
            ("fast:latest", "llama3:latest", "fast"), ("llama3", "llama3:latest", nil), ("FAST2", "Fast2", nil),
        ] as [(String, String, String?)])
    func anAliasIsFoundInAnySpellingThatNoBackendHas(_ asked: String, _ resolved: String, _ alias: String?) {
        let names = names(["llama3:latest", "Fast2"], aliases: ["fast": "llama3", "other": "gone"])
        #expect(names.resolve(asked) == ModelName(asked: asked, resolved: resolved, alias: alias))
    }

    @Test func aModelOfABackendGoesBeforeAnotherSpellingOfAnAlias() {
        let names = names(["Fast", "m"], aliases: ["fast": "m"])
        #expect(names.resolve("Fast").resolved == "Fast")
        #expect(names.resolve("fast").resolved == "m")
    }

    private func chain(_ name: ModelName) -> [String] { [name.resolved] + name.others.map(\.model) }

    private static func several(_ models: String...) -> ModelAlias { ModelAlias(models.map { ModelAlias.Target($0) }) }

    @Test func anAliasForSeveralIsTriedInOrderThroughOtherAliases() {
        let names = names(["C:latest"], aliases: ["x": Self.several("y", "d", "a"), "y": Self.several("a", "b", "c")])
        #expect(chain(names.resolve("x")) == ["a", "b", "C:latest", "d"])
    }

    @Test func fallbacksComeBehindAllThatTheAliasStandsFor() {
        let names = names(
            ["a"], aliases: ["x": Self.several("a", "b"), "last": "z"],
            fallbacks: ["A": ["c"], "c": ["last"], "x": ["d"], "m": ["a"]])
        #expect(chain(names.resolve("x")) == ["a", "b", "d", "c", "z"])
        #expect(chain(names.resolve("m")) == ["m", "a", "c", "z"])
        #expect(names.resolve("m").alias == nil && names.resolve("none").others.isEmpty)
    }

    @Test func namesThatLeadBackInAnotherSpellingEnd() {
        let names = names(["A", "B"], aliases: ["x": "A"], fallbacks: ["a": ["B"], "b": ["x"], "X": ["x"]])
        #expect(chain(names.resolve("x")) == ["A", "B"])
    }

    @Test func aPoolIsDrawnByWeightAndTheOthersFollow() {
        let pool = ModelAlias(
            [ModelAlias.Target("a", weight: 3), ModelAlias.Target("b", backend: "two", weight: 1)], isWeighted: true)
        var random = SeededRandom(seed: 1)
        var first: [String: Int] = [:]
        for _ in 0..<4000 {
            let name = names(["a", "b"], aliases: ["p": pool], lot: random.next()).resolve("p")
            #expect(Set(chain(name)) == ["a", "b"] && (name.resolved == "b") == (name.backend == "two"))
            first[name.resolved, default: 0] += 1
        }
        #expect((2800...3200).contains(first["a"] ?? 0))
        #expect(chain(names(["a", "b"], aliases: ["p": pool]).resolve("p")) == ["a", "b"], "without a lot as written")
    }
}

/// Parts of the list of models in Anthropic's form.
@Suite struct AnthropicModelPageTests {
    private static let models = ServedModel.all([
        BackendView(
            id: "1", name: "one", url: "", backendType: "x", status: .healthy,
            models: (0..<25).map { Model(id: "m\($0 + 10)") })
    ])

    private func page(_ query: String) throws(ClientError) -> JSONValue {
        let bytes = try AnthropicModelPage(QueryValues(query).all).body(of: Self.models)
        return (try? JSONValue.parse(bytes)) ?? .null
    }

    @Test(
        arguments: [
            ("", "m10", "m29", true), ("limit=1000", "m10", "m34", false), ("limit=25", "m10", "m34", false),
            ("after_id=m29", "m30", "m34", false), ("limit=2&after_id=m11", "m12", "m13", true),
            ("before_id=m12", "m10", "m11", false), ("limit=2&before_id=m20", "m18", "m19", true),
            ("after_id=&beta=true", "m10", "m29", true),
        ])
    func aPartHasItsEndsAndSaysWhetherMoreFollows(_ query: String, _ first: String, _ last: String, _ more: Bool) throws
    {
        let page = try page(query)
        let ids = page["data"]?.array?.compactMap { $0["id"]?.string } ?? []
        #expect(page["first_id"]?.string == first && ids.first == first)
        #expect(page["last_id"]?.string == last && ids.last == last)
        #expect(page["has_more"]?.bool == more)
    }

    @Test func thePartsAreTheWholeListOnce() throws {
        var ids: [String] = []
        var more = true
        while more {
            let page = try page("limit=7" + (ids.last.map { "&after_id=\($0)" } ?? ""))
            ids += page["data"]?.array?.compactMap { $0["id"]?.string } ?? []
            more = page["has_more"]?.bool ?? false
        }
        #expect(ids == Self.models.map(\.id))
    }

    @Test func behindTheLastModelThereIsNothing() throws {
        let page = try page("after_id=m34")
        #expect(page == ["data": [], "has_more": false, "first_id": nil, "last_id": nil])
    }

    @Test(
        arguments: [
            "limit=0", "limit=1001", "limit=-1", "limit=+5", "limit=1.5", "limit=a", "limit=", "limit=5&limit=5",
            "limit=99999999999999999999", "after_id=nothing", "before_id=nothing", "after_id=m10&before_id=m12",
            "before_id=m12&after_id=m10",
        ])
    func whatIsNoPlaceIsRefused(_ query: String) {
        let error = #expect(throws: ClientError.self) { try page(query) }
        #expect(error?.status == 400)
        #expect(error.map { query.contains($0.param ?? "?") } == true)
    }

    @Test func valuesAreDecodedAsFormsWriteThem() {
        let values = QueryValues("a=1&b=x%2Fy+z%2B&c&=d&bad=%zz&a=2").all.map { "\($0.name)=\($0.value)" }
        #expect(values == ["a=1", "b=x/y z+", "c=", "=d", "a=2"])
    }

    @Test func aModelIsInAnthropicsForm() throws {
        let model = Model(id: "m", name: "The model", contextLength: 4096, maxOutputTokens: 512, created: 1_700_000_000)
        let view = BackendView(id: "1", name: "one", url: "", backendType: "x", status: .healthy, models: [model])
        let served = try #require(ServedModel.all([view]).first)
        #expect(
            try JSONValue.parse(AnthropicModelPage.body(of: served)) == [
                "type": "model", "id": "m", "display_name": "The model", "created_at": "2023-11-14T22:13:20Z",
                "max_input_tokens": 4096, "max_tokens": 512,
            ])
    }
}
