import Core
import Foundation
import JSON
import Testing

@testable import Config

@Suite struct StateFileTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("state-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private var path: String { folder.appendingPathComponent("nexus.toml.state.json").path }

    private var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []).sorted() }

    private func write(_ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }

    private func read(_ name: String = "nexus.toml.state.json") throws -> String {
        try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }

    private var some: BackendOverlay {
        let specification: JSONValue = [
            "name": "a", "options": ["prefix": "/v2", "x": [1, nil, "é"]], "type": "vllm", "url": "http://h:1",
        ]
        return BackendOverlay(
            added: [BackendOverlay.Added(name: "a", specification: specification.object ?? JSONObject())],
            changes: [
                "a": BackendOverlay.Change(isEnabled: false, priority: 3, maxConcurrent: .some(nil)),
                "b \"1\"": BackendOverlay.Change(isRemoved: true),
                "c": BackendOverlay.Change(maxConcurrent: .some(7)),
                "d": BackendOverlay.Change(timeouts: timeouts),
            ])
    }

    private var timeouts: Configuration.TimeoutChanges {
        var timeouts = Configuration.TimeoutChanges()
        timeouts.firstByte = .some(.milliseconds(1500))
        timeouts.total = .some(nil)
        timeouts.queue = .seconds(9)
        return timeouts
    }

    @Test func whatIsSavedIsLoaded() throws {
        var file = StateFile(path: path)
        let aside = try file.save(some)
        var other = StateFile(path: path)
        let loaded = try other.load()

        #expect(aside == nil && loaded == some)
        #expect(names == ["nexus.toml.state.json"])
    }

    @Test(arguments: [
        [String(repeating: "n", count: 5000)],
        (0...BackendOverlay.Limits.changes).map { "b\($0)" },
    ])
    func whatTheNextStartWouldNotTakeIsNotWritten(names changed: [String]) throws {
        var file = StateFile(path: path)
        _ = try file.save(some)
        let before = try read()
        let change = BackendOverlay.Change(isRemoved: true)
        let overlay = BackendOverlay(
            added: [], changes: Dictionary(uniqueKeysWithValues: changed.map { ($0, change) }))

        #expect { _ = try file.save(overlay) } throws: { "\($0)".contains("the next start would not take it") }
        #expect(try read() == before && names == ["nexus.toml.state.json"])
    }

    @Test func onlyTheOwnerMayReadIt() throws {
        var file = StateFile(path: path)
        _ = try file.save(some)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int

        #expect(mode == 0o600)
    }

    @Test func noFileIsNothing() throws {
        var file = StateFile(path: path)
        let loaded = try file.load()

        #expect(loaded.isEmpty)
    }

    @Test(arguments: [
        ("", "is not JSON"), ("{", "is not JSON"), ("[]", "nexus_state is missing"), ("{}", "nexus_state is missing"),
        (#"{"nexus_state":2}"#, "of version 2"), (#"{"nexus_state":1,"more":1}"#, "more: is not a known key"),
        (#"{"nexus_state":1,"backends":{}}"#, "must be an array"),
        (#"{"nexus_state":1,"backends":[{"name":"a","type":"t"}]}"#, "backends[0].url: is missing"),
        (#"{"nexus_state":1,"backends":[{"name":"none","type":"t","url":"http://h"}]}"#, "backends[0].name"),
        (#"{"nexus_state":1,"changes":{"a":1}}"#, "changes.a: must be a table"),
        (#"{"nexus_state":1,"changes":{"a":{"priority":-1}}}"#, "changes.a.priority: must be a whole number"),
        (#"{"nexus_state":1,"changes":{"a":{"removed":"yes"}}}"#, "changes.a.removed: must be true or false"),
    ])
    func aFileThatIsNotWhatItShouldBeIsNoEmptyOne(_ text: String, _ words: String) throws {
        try write(text)
        var file = StateFile(path: path)

        #expect { _ = try file.load() } throws: { "\($0)".contains(words) && "\($0)".contains(path) }
        #expect(try read() == text)
    }

    @Test func aFileThatIsNotKnownIsKeptAsideBeforeItIsReplaced() throws {
        try write("broken")
        var file = StateFile(path: path)
        _ = try? file.load()
        let first = try file.save(some)
        try write("edited meanwhile")
        let second = try file.save(BackendOverlay())

        #expect(first == path + ".kept-1" && second == path + ".kept-2")
        #expect(try read("nexus.toml.state.json.kept-1") == "broken")
        #expect(try read("nexus.toml.state.json.kept-2") == "edited meanwhile")
        #expect(try file.load().isEmpty)
    }

    @Test func aFileThatVanishedIsWrittenAgain() throws {
        var file = StateFile(path: path)
        _ = try file.save(some)
        try FileManager.default.removeItem(atPath: path)
        _ = try file.save(some)

        #expect(try file.load() == some)
    }

    @Test func aPlaceThatCannotBeWrittenIsToldAndLeavesNothing() throws {
        var file = StateFile(path: folder.appendingPathComponent("no/state").path)

        #expect { _ = try file.save(some) } throws: { "\($0)".contains("cannot be written: No such file") }
        #expect(names == [])
    }

    @Test func thePlaceIsBesideTheConfigurationIfThatIsAFile() throws {
        try write("")

        #expect(StateFile.path(besides: path) == path + ".state.json")
        #expect(StateFile.path(besides: "nexus.toml") == "nexus.toml.state.json")
        #expect(StateFile.path(besides: "/dev/null") == nil)
        #expect(StateFile.path(besides: folder.path) == nil)
    }

    @Test func flagsGoOverTheEnvironmentOverTheConfigurationsPlace() throws {
        try write("")
        var flags = ConfigurationLoader.Flags()
        flags.config = path
        let beside = try ConfigurationLoader.load(flags, environment: [:]).configuration.stateFile
        let named = try ConfigurationLoader.load(flags, environment: ["NEXUS_STATE_FILE": "/x"]).configuration.stateFile
        flags.stateFile = "/y"
        let flag = try ConfigurationLoader.load(flags, environment: ["NEXUS_STATE_FILE": "/x"]).configuration.stateFile

        #expect([beside, named, flag] == [path + ".state.json", "/x", "/y"])
    }
}

@Suite struct ChangeReaderTests {
    private func change(_ text: String) throws -> BackendOverlay.Change {
        try ChangeReader.change(try JSONValue.parse(text).object ?? JSONObject(), source: "")
    }

    @Test func everyKeyIsRead() throws {
        #expect(
            try change(#"{"priority":3,"max_concurrent":8,"enabled":false}"#)
                == BackendOverlay.Change(isEnabled: false, priority: 3, maxConcurrent: .some(8)))
        #expect(try change(#"{"max_concurrent":null}"#) == BackendOverlay.Change(maxConcurrent: .some(nil)))
        #expect(try change("{}") == BackendOverlay.Change())
        let timeouts = try change(#"{"timeouts":{"first_byte_seconds":1.5,"total_seconds":0,"queue_seconds":9}}"#)
            .timeouts
        #expect(timeouts.firstByte == .some(.milliseconds(1500)) && timeouts.total == .some(nil))
        #expect(timeouts.queue == .seconds(9) && timeouts.gap == nil)
    }

    @Test(arguments: [
        (#"{"priority":1001}"#, "priority: must be a whole number from 0 to 1000"),
        (#"{"priority":null}"#, "priority: must be"), (#"{"max_concurrent":0}"#, "max_concurrent: must be"),
        (#"{"enabled":1}"#, "enabled: must be true or false"), (#"{"removed":true}"#, "removed: is not a known key"),
        (#"{"maxconcurrent":1}"#, #"did you mean "max_concurrent"?"#),
        (#"{"timeouts":{"gap":1}}"#, #"timeouts.gap: is not a known key"#),
        (#"{"timeouts":{"gap_seconds":null}}"#, "timeouts.gap_seconds: must be a number of seconds from 0"),
        (#"{"timeouts":{"queue_seconds":0}}"#, "timeouts.queue_seconds: must be a number of seconds from 1"),
        (#"{"timeouts":{"models":{}}}"#, "timeouts.models: is not a known key"),
    ])
    func whatIsWrongIsTold(_ text: String, _ words: String) {
        #expect { _ = try change(text) } throws: { "\($0)".contains(words) }
    }

    @Test func aBackendThatStandsAloneIsReadAsInTheFile() throws {
        let text = #"{"name":"a","type":"t","url":"http://h:1","enabled":false,"timeouts":{"gap_seconds":7}}"#
        let backend = try ConfigurationReader.backend(
            try JSONValue.parse(text).object ?? JSONObject(), under: Configuration(), source: "")

        #expect(backend.name == "a" && !backend.isEnabled && backend.timeouts.gap == .seconds(7))
        #expect(backend.timeouts.connect == .seconds(5))
    }
}
