import Core
import JSON
import Testing

@testable import Gateway

@Suite struct ConfigurationChangesTests {
    private func changes(_ change: (inout Configuration) throws -> Void) rethrows -> ConfigurationChanges {
        var new = Configuration()
        try change(&new)
        return ConfigurationChanges(Configuration(), new)
    }

    @Test func theTablesAndKeysThatSaySomethingElseAreNamed() {
        let changes = changes {
            $0.routing.maxRetries = 7
            $0.routing.weights.load = 1
            $0.logging.requests = .none
            $0.server.maxBodyBytes = 1
        }

        #expect(changes.tables == ["server", "routing", "logging"])
        #expect(
            changes.keys
                == ["logging.requests", "routing.max_retries", "routing.weights.load", "server.max_body_bytes"])
    }

    @Test func whatIsTheSameIsNotNamed() { #expect(changes { _ in } == ConfigurationChanges()) }

    @Test func whatComesIntoATableIsNamed() {
        let changes = changes {
            $0.routing.aliases = ["fast": ModelAlias([ModelAlias.Target("m")])]
            $0.routing.errorRateExclude = 0.5
            $0.queue.models = ["llama*": 2]
            $0.captures.enabled = true
        }

        #expect(changes.tables == ["routing", "quality", "queue", "captures"])
        #expect(
            changes.keys
                == ["captures.enabled", "quality.error_rate_exclude", "queue.models.llama*", "routing.aliases.fast"])
    }

    @Test func backendsAndKeysOfClientsAreToldAsTablesAlone() throws {
        let changes = try changes {
            $0.backends = [Configuration.Backend(name: "a", type: "t", url: try BackendURL("http://h"))]
        }

        #expect(changes.tables == ["backends"] && changes.keys.isEmpty)
    }

    @Test func ofManyKeysTheFirstAreNamedAndTheOthersCounted() throws {
        var outcome = ReloadOutcome()
        outcome.differences = changes {
            for index in 0..<150 { $0.queue.models["m\(index)"] = 1 }
        }
        let json = try JSONValue.parse(outcome.json)

        #expect(json["keys"]?.array?.count == ConfigurationChanges.keyLimit && json["keys_omitted"]?.int == 50)
        #expect(outcome.logFields["keys"].map { "\($0)" }?.hasSuffix(" and 130 more") == true)
    }
}
