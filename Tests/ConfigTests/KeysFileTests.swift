import Core
import Foundation
import Testing

@testable import Config

@Suite struct KeysFileTests {
    private let folder: URL

    init() throws {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("keys-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    private var path: String { folder.appendingPathComponent("keys.toml").path }

    private var some: KeyRule {
        var limits = KeyLimits()
        limits.requestsPerMinute = 1
        limits.requestsPerDay = 2
        limits.tokensPerMinute = 3
        limits.tokensPerDay = 4
        limits.maxConcurrent = 5
        return KeyRule(
            name: "a", hash: KeyHash(of: "k"), role: .operator, expires: 1_800_000_000,
            scope: KeyScope(models: ["x\"\\y\u{1}é", "*"], backends: ["b"]), limits: limits, maxPriority: .low)
    }

    @Test func itIsReadAsItWasWritten() throws {
        let keys = [some, KeyRule(name: "b", hash: KeyHash(of: "other"))]
        try KeysFile(path: path).save(keys)
        #expect(try KeysFile(path: path).load() == keys)
    }

    @Test func noFileIsNotAnEmptyOne() throws {
        #expect(try KeysFile(path: path).load() == nil)
        try KeysFile(path: path).save([])
        #expect(try KeysFile(path: path).load() == [])
    }

    @Test func changesOfManyAtOnceAreAllKept() async throws {
        let file = KeysFile(path: path)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for number in 0..<8 {
                tasks.addTask {
                    try file.change { $0 + [KeyRule(name: "k\(number)", hash: KeyHash(of: "\(number)"))] }
                }
            }
            try await tasks.waitForAll()
        }
        #expect(try file.load()?.count == 8)
    }

    @Test func itBelongsToWhomItsFolderBelongs() {
        let service = SecretOwner(file: nil, folder: (user: 990, group: 990, mode: 0o750))
        #expect(service == SecretOwner(user: 990, group: 990, groupMayRead: false))
    }

    @Test func inAFolderOfRootForTheGroupOfAServiceThatGroupReadsIt() {
        let folder = (user: UInt32(0), group: UInt32(990), mode: UInt32(0o750))
        #expect(SecretOwner(file: nil, folder: folder).mode == 0o640)
        #expect(SecretOwner(file: nil, folder: (0, 990, 0o700)).mode == 0o600)
        #expect(SecretOwner(file: nil, folder: (0, 0, 0o755)).mode == 0o600)
        #expect(SecretOwner(file: nil, folder: (1000, 990, 0o750)).mode == 0o600)
    }

    @Test func whatItReplacesSaysWhoReadsItAndNobodyElseEverDoes() {
        let folder = (user: UInt32(0), group: UInt32(990), mode: UInt32(0o750))
        let open = SecretOwner(file: (user: 5, group: 6, mode: 0o666), folder: folder)
        #expect(open == SecretOwner(user: 5, group: 6, groupMayRead: true))
        #expect(open.mode == 0o640)
        #expect(SecretOwner(file: (0, 0, 0o600), folder: folder).mode == 0o600)
    }

    @Test func aFileThatOthersReadThanItsFolderIsForIsUnusual() throws {
        #expect(!SecretOwner.isUsual(path), "there is none")
        try KeysFile(path: path).save([some])
        #expect(SecretOwner.isUsual(path))
        #expect(chmod(path, 0o640) == 0 && !SecretOwner.isUsual(path))
    }

    @Test func itIsBesidesTheConfiguration() {
        #expect(KeysFile.path(besides: "nexus.toml") == "keys.toml")
        #expect(KeysFile.path(besides: "/etc/nexus/nexus.toml") == "/etc/nexus/keys.toml")
        #expect(KeysFile.path(besides: "/dev/null") == nil)
    }

    // MARK: With the configuration

    private func load(
        _ configuration: String, before: ConfigurationLoader.Loaded? = nil
    ) throws -> ConfigurationLoader.Loaded {
        let file = folder.appendingPathComponent("nexus.toml")
        try Data(configuration.utf8).write(to: file)
        var flags = ConfigurationLoader.Flags()
        flags.config = file.path
        return try ConfigurationLoader.load(flags, environment: [:], before: before)
    }

    private let own = "[[keys]]\nname = \"own\"\nhash = \"\(KeyHash(of: "own").text)\"\n"

    @Test func keysOfBothCount() throws {
        try KeysFile(path: path).save([some])
        let access = try load(own).configuration.access
        #expect(access.keys.map(\.name) == ["own", "a"] && access.isRequired)
    }

    @Test func aNameIsOnlyInOne() throws {
        try KeysFile(path: path).save([KeyRule(name: "own", hash: KeyHash(of: "z"))])
        #expect(throws: ConfigurationError.self) { try load(own) }
    }

    @Test func aFileWithoutKeysLetsNobodyIn() throws {
        #expect(try !load("").configuration.access.isRequired)
        try KeysFile(path: path).save([])
        #expect(try load("").configuration.access.isRequired)
    }

    @Test func aNamedFileThatIsNotThereIsTakenNoteOf() throws {
        var flags = ConfigurationLoader.Flags()
        flags.config = "/dev/null"
        let variable = ["NEXUS_KEYS_FILE": path]
        #expect(
            try ConfigurationLoader.load(flags, environment: variable).configuration.access.missingKeysFile == path)
        flags.keysFile = path
        #expect(try ConfigurationLoader.load(flags, environment: [:]).configuration.access.missingKeysFile == path)
        try KeysFile(path: path).save([some])
        #expect(try ConfigurationLoader.load(flags, environment: [:]).configuration.access.missingKeysFile == nil)
        #expect(try load("").configuration.access.missingKeysFile == nil, "nobody has named it")
    }

    @Test func aFileThatHasGoneIsAnError() throws {
        try KeysFile(path: path).save([some])
        let before = try load("")
        try FileManager.default.removeItem(atPath: path)
        #expect(throws: ConfigurationError.self) { try load("", before: before) }
    }

    @Test(arguments: [
        ("name = \"a b\"", "name"), ("role = \"boss\"", "role"), ("expires = \"soon\"", "expires"),
        ("models = []", "models"), ("requests_per_minute = 0", "requests_per_minute"),
        ("max_priority = 1", "max_priority"), ("hash = \"nx-secret\"", "hash"), ("max_tokens = 1", "max_tokens"),
    ])
    func whatIsWrongIsNamed(_ line: String, _ key: String) {
        var text = "[[keys]]\n\(line)\n"
        if !line.hasPrefix("name") { text += "name = \"a\"\n" }
        if !line.hasPrefix("hash") { text += "hash = \"\(KeyHash(of: "k").text)\"\n" }
        let error = #expect(throws: ConfigurationError.self) { try ConfigurationReader.read(text, source: "f") }
        let words = error.map { "\($0)" } ?? ""
        #expect(words.contains("keys[0].\(key)") && !words.contains("nx-secret"))
    }

    @Test(arguments: ["expires = \"2027-01-31\"", "expires = 2027-01-31", "expires = 2027-02-01T00:00:00Z"])
    func aDayEndsWithItself(_ line: String) throws {
        let text = "[[keys]]\nname = \"a\"\nhash = \"\(KeyHash(of: "k").text)\"\n\(line)\n"
        #expect(try ConfigurationReader.read(text, source: "f").access.keys.first?.expires == 1_801_440_000)
    }
}
