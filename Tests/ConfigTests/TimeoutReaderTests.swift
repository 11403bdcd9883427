import Core
import Testing

@testable import Config

@Suite struct TimeoutReaderTests {
    private func read(_ text: String) throws(ConfigurationError) -> Configuration {
        try ConfigurationReader.read(text, source: "test.toml")
    }

    private func problems(_ text: String) -> [ConfigurationProblem] {
        do throws(ConfigurationError) {
            _ = try read(text)
            return []
        } catch {
            return error.problems
        }
    }

    private let everywhere = """
        [timeouts]
        first_byte_seconds = 10
        [timeouts.models."big:*"]
        first_byte_seconds = 20
        gap_seconds = 7
        [timeouts.models."big:70b"]
        total_seconds = 0
        queue_seconds = 90
        [[backends]]
        name = "a"
        type = "t"
        url = "http://a"
        [backends.timeouts]
        first_byte_seconds = 30
        connect_seconds = 1
        queue_seconds = 3
        [backends.timeouts.models."big:70b"]
        first_byte_seconds = 40
        [[backends]]
        name = "b"
        type = "t"
        url = "http://b"
        timeouts = { models = { "small" = { connect_seconds = 0 } } }
        """

    @Test func whatIsMoreSpecificCountsEachKeyByItself() throws {
        let configuration = try read(everywhere)
        let (a, b) = (configuration.backends[0], configuration.backends[1])

        let bigAtA = a.timeouts.of("big:70b", a.modelTimeouts)
        #expect(bigAtA.firstByte == .seconds(40) && bigAtA.gap == .seconds(7) && bigAtA.connect == .seconds(1))
        #expect(bigAtA.total == nil && bigAtA.queue == .seconds(90))
        // The model's are before the backend's.
        #expect(a.timeouts.of("big:8b", a.modelTimeouts).firstByte == .seconds(20))
        let otherAtA = a.timeouts.of("other", a.modelTimeouts)
        #expect(otherAtA.firstByte == .seconds(30) && otherAtA.queue == .seconds(3) && otherAtA.gap == .seconds(120))

        #expect(b.timeouts.of("small", b.modelTimeouts).connect == .some(nil))
        #expect(b.timeouts.of("big:70b", b.modelTimeouts).firstByte == .seconds(20))
        #expect(b.timeouts.of("other", b.modelTimeouts) == configuration.timeouts)
        #expect(configuration.timeouts.of("big:70b", configuration.modelTimeouts).queue == .seconds(90))
    }

    @Test func ofSeveralPatternsTheExactNameCountsAndThenTheLongest() throws {
        let configuration = try read(
            """
            [timeouts.models]
            "*" = { gap_seconds = 1 }
            "m" = { gap_seconds = 2 }
            "m*" = { gap_seconds = 3 }
            "m1*" = { gap_seconds = 4 }
            """)
        let gaps = ["x", "m", "mm", "m12"].map { configuration.timeouts.of($0, configuration.modelTimeouts).gap }
        #expect(gaps == [.seconds(1), .seconds(2), .seconds(3), .seconds(4)])
    }

    @Test(arguments: [
        ("[timeouts.models.\"a.b\"]\ngap_seconds = -1", "timeouts.models.a.b.gap_seconds", 2, "0 to 86400"),
        ("[timeouts.models.m]\n\ngap = 1", "timeouts.models.m.gap", 3, "did you mean \"gap_seconds\"?"),
        ("[timeouts.models.m]\nqueue_seconds = 0", "timeouts.models.m.queue_seconds", 2, "1 to 3600"),
        ("[timeouts.models]\nm = 5", "timeouts.models.m", 2, "must be a table like"),
        ("[timeouts]\nqueue_seconds = 5", "timeouts.queue_seconds", 2, "queue.max_wait_seconds"),
        ("[timeouts]\nmodels = 5", "timeouts.models", 2, "must be a table"),
        (
            "[[backends]]\nname = \"a\"\ntype = \"t\"\nurl = \"http://a\"\n[backends.timeouts.models.m]\ntotal_seconds = \"x\"",
            "backends[0].timeouts.models.m.total_seconds", 6, "number of seconds"
        ),
        (
            "[[backends]]\nname = \"a\"\ntype = \"t\"\nurl = \"http://a\"\ntimeouts = { queue_seconds = 3601 }",
            "backends[0].timeouts.queue_seconds", 5, "1 to 3600"
        ),
    ])
    func whatIsWrongIsNamedWithItsLine(text: String, key: String, line: Int, words: String) {
        let found = problems(text)
        #expect(found.map(\.key) == [key] && found.first?.line == line)
        #expect(found.first?.message.contains(words) == true)
    }

    @Test func thereMayBeAThousandModelsAndNoMore() {
        func models(_ count: Int) -> String {
            "[timeouts.models]\n" + (0..<count).map { "m\($0) = {}\n" }.joined()
        }
        #expect(problems(models(1000)).isEmpty)
        #expect(problems(models(1001)).map(\.key) == ["timeouts.models"])
        #expect(problems("[timeouts.models]\n\"\(String(repeating: "x", count: 1025))\" = {}").count == 1)
    }
}
