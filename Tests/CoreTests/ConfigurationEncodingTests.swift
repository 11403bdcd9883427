import JSON
import Testing

@testable import Core

@Suite struct ConfigurationEncodingTests {
    private func encoded(_ change: (inout Configuration) throws -> Void = { _ in }) throws -> JSONValue {
        var configuration = Configuration()
        try change(&configuration)
        return try JSONValue.parse(
            ConfigurationEncoding.json(configuration, isSet: { $0 == "GPU_KEY" }, options: { Array($0.options.utf8) }))
    }

    @Test func itHasTheNamesOfTheFileAndSeconds() throws {
        let json = try encoded {
            $0.timeouts.total = .milliseconds(1500)
            $0.tracing.otlp = try BackendURL("http://collector:4318")
            $0.queue.models = ["llama*": 2]
            $0.routing.aliases = [
                "best": ModelAlias([ModelAlias.Target("m", backend: "b", weight: 3)], isWeighted: true)
            ]
            $0.routing.fallbacks = ["m": ["n"]]
        }
        #expect(
            json["timeouts"]?["total_seconds"]?.double == 1.5 && json["timeouts"]?["first_byte_seconds"]?.isNull == true
        )
        #expect(json["health_check"]?["retry_seconds"]?.int == 2 && json["breaker"]?["failure_rate_percent"]?.int == 50)
        #expect(json["queue"]?["models"]?["llama*"]?.int == 2 && json["routing"]?["strategy"]?.string == "smart")
        #expect(json["routing"]?["aliases"]?["best"]?[0]?["weight"]?.int == 3)
        #expect(json["routing"]?["fallbacks"]?["m"]?[0]?.string == "n" && json["logging"]?["level"]?.string == "info")
        #expect(json["server"]?["port"]?.int == 8000 && json["backends"]?.array?.isEmpty == true)
        #expect(
            json["tracing"]?["otlp"]?.string == "http://collector:4318" && json["tracing"]?["sample_ratio"]?.int == 1)
        #expect(json["server"]?["shutdown_delay_seconds"]?.int == 0)
    }

    @Test func keysOfBackendsAreSetOrNotAndNeverShown() throws {
        let json = try encoded {
            var backend = Configuration.Backend(name: "b", type: "openai", url: try BackendURL("http://x:1"))
            backend.apiKeyEnv = ["GPU_KEY", "OTHER_KEY", "sk-oops-this-is-the-key"]
            var changes = Configuration.TimeoutChanges()
            changes.gap = .some(nil)
            backend.modelTimeouts = [Configuration.ModelTimeouts(pattern: "m*", changes: changes)]
            $0.backends = [backend]
        }
        let keys = json["backends"]?[0]?["api_key_env"]?.array ?? []
        #expect(keys.map { $0["set"]?.bool } == [true, false, false])
        #expect(keys[0]["name"]?.string == "GPU_KEY" && keys[2]["name"]?.string?.contains("oops") == false)
        #expect(json["backends"]?[0]?["timeouts"]?["models"]?["m*"]?["gap_seconds"]?.isNull == true)
        #expect(json["backends"]?[0]?["options"]?.object?.isEmpty == true)
    }
}
