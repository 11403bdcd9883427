import Core
import Foundation
import JSON
import Logging
import Synchronization
import Testing
import Upstream

@testable import AdapterHost

/// Ways in which a server may write a secret into its words.
private let spellings: [(name: String, write: @Sendable (String) -> String)] = [
    ("plain", { $0 }),
    ("JSON", { String(decoding: JSONValue.string($0).bytes.dropFirst().dropLast(), as: UTF8.self) }),
    ("JSON with escaped slashes", { json($0).replacingOccurrences(of: "/", with: "\\/") }),
    ("JSON, everything escaped", { $0.utf16.map { "\\u" + hex(Int($0), 4) }.joined() }),
    ("JSON, everything escaped in capitals", { $0.utf16.map { "\\u" + hex(Int($0), 4).uppercased() }.joined() }),
    (
        "JSON, some escaped",
        { text in
            text.unicodeScalars.enumerated().map { index, scalar in
                index % 3 != 1
                    ? json(String(scalar)) : String(scalar).utf16.map { "\\u" + hex(Int($0), 4) }.joined()
            }.joined()
        }
    ),
    ("JSON in JSON", { json(json($0)) }), ("JSON in JSON in JSON", { json(json(json($0))) }),
    ("percent", { $0.utf8.map { "%" + hex(Int($0), 2) }.joined() }),
    ("percent in capitals", { $0.utf8.map { "%" + hex(Int($0), 2).uppercased() }.joined() }),
    ("percent as in addresses", { $0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "" }),
    (
        "percent as in forms",
        {
            ($0.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(["-", " "])) ?? "")
                .replacingOccurrences(of: " ", with: "+")
        }
    ),
    (
        "percent twice",
        {
            ($0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "").replacingOccurrences(
                of: "%", with: "%25")
        }
    ),
    ("percent in JSON", { json($0.addingPercentEncoding(withAllowedCharacters: ["\\"]) ?? "") }),
    ("HTML", { html($0) }), ("HTML in JSON", { json(html($0)) }),
    ("base64", { Data($0.utf8).base64EncodedString() }),
    ("base64 for addresses", { forAddresses(Data($0.utf8).base64EncodedString()) }),
    (
        "base64 without padding",
        { forAddresses(Data($0.utf8).base64EncodedString()).replacingOccurrences(of: "=", with: "") }
    ),
    (
        "base64 with escaped padding",
        { (Data($0.utf8).base64EncodedString()).replacingOccurrences(of: "=", with: "%3D") }
    ),
    ("base64 behind a user", { Data("u:\($0)".utf8).base64EncodedString() }),
    ("base64 behind another user", { Data("me:\($0)".utf8).base64EncodedString() }),
    ("base64 within JSON", { Data(#"{"token":"\#($0)"}"#.utf8).base64EncodedString() }),
]

private func json(_ text: String) -> String {
    String(decoding: JSONValue.string(text).bytes.dropFirst().dropLast(), as: UTF8.self)
}

private func html(_ text: String) -> String {
    text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
        .replacingOccurrences(of: "\"", with: "&#34;").replacingOccurrences(of: "'", with: "&#x27;")
}

private func hex(_ number: Int, _ digits: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: digits - text.count) + text
}

private func forAddresses(_ base64: String) -> String {
    base64.replacingOccurrences(of: "+", with: "-").replacingOccurrences(of: "/", with: "_")
}

@Suite struct SecretsTests {
    @Test(arguments: [
        ("no key here", "no key here"), ("the key sk-one is wrong", "the key [API key] is wrong"),
        ("sk-onesk-one", "[API key][API key]"), ("sk-one-long", "[API key]"), ("sk-on", "sk-on"), ("", ""),
        ("é sk-one é", "é [API key] é"), ("a key", "a key"),
    ])
    func everyKeyIsHiddenAndNothingElse(_ text: String, _ expected: String) {
        #expect(Secrets(["sk-one", "sk-one-long", "key", ""]).hidden(in: text) == expected)
    }

    @Test func anOptionIsHiddenUnderAnotherWord() {
        #expect(Secrets(["sk-one"], options: ["pass-two"]).hidden(in: "sk-one pass-two") == "[API key] [secret]")
    }

    static let secrets = [
        "hdr-CANARY-secret-777", "with \"quotes\" and \\ / & < + = ~ space", "päss wörd 🔑 10%", "%41%42%43%44 %25",
        "short1", "\\u0041\\\"bc/", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_def+/ghi",
    ]

    @Test(arguments: secrets, spellings.indices) func everySpellingIsHidden(_ secret: String, _ index: Int) {
        let (name, write) = spellings[index]
        // Within something longer a short one leaves too little of itself.
        if secret.utf8.count < 8, name.contains("behind") || name.contains("within") { return }
        let written = write(secret)
        let before = "bad token: <"
        let after = "> that was it"
        let hidden = Secrets(["another-key"], options: [secret]).hidden(in: before + written + after)

        // All of it but what padding may be left of base64.
        #expect(hidden.hasPrefix(before + "[secret]") && hidden.hasSuffix(after), "\(name): \(hidden)")
        #expect(hidden.utf8.count <= before.utf8.count + "[secret]".utf8.count + after.utf8.count + 6, "\(hidden)")
    }

    @Test func whatStandsBehindASchemeIsASecretAlone() {
        let basic = Data("operator:pass-word-1".utf8).base64EncodedString()
        let secrets = Secrets([], options: ["Bearer tok-1234", "Basic \(basic)", "id=first-id-1; session=second-id-2"])

        for text in [
            "Bearer tok-1234", "tok-1234", basic, "operator:pass-word-1", "pass-word-1", "first-id-1", "second-id-2",
            "operator%3Apass-word-1",
        ] {
            #expect(secrets.hidden(in: "x \(text) y") == "x [secret] y", "\(text)")
        }
        #expect(secrets.hidden(in: "Bearer Basic operator session id") == "Bearer Basic operator session id")
    }

    @Test func partsThatACutHasLeftAreHidden() {
        let secrets = Secrets([], options: ["hdr-CANARY-secret-777"])
        let long = String(repeating: "word ", count: 30)

        #expect(secrets.hidden(in: "hdr-CANARY-sec ...") == "[secret] ...")
        #expect(secrets.hidden(in: long + "hdr-CA") == long + "[secret]")
        #expect(secrets.hidden(in: "hdr-CA is the header") == "hdr-CA is the header")
    }

    @Test func aFailuresMessageAndBodyAreCleaned() {
        let failure = ExchangeFailure(kind: .busy, message: "sk-one", body: Array(#"{"error":"sk-one"}"#.utf8))

        let hidden = Secrets(["sk-one"]).hidden(in: failure)

        #expect(hidden.message == "[API key]" && hidden.body == Array(#"{"error":"[API key]"}"#.utf8))
        #expect(Secrets([]).hidden(in: failure) == failure)
    }

    @Test(arguments: [
        (#"{"error":{"code":12345678}}"#, "12345678"), (#"{"error":{"message":"x"}}"#, "error"),
        (#"{"error":{"message":"a","code":"b"}}"#, #"a","code"#),
    ]) func aBodyThatWouldBeSpoiltIsLeftOut(_ body: String, _ secret: String) {
        let failure = ExchangeFailure(kind: .upstream, message: "it failed", body: Array(body.utf8))
        #expect(Secrets([], options: [secret]).hidden(in: failure).body.isEmpty)
    }

    @Test func modelsAreCleanedAndThoseThatHoldASecretInTheirIDAreLeftOut() {
        var model = Model(id: "m", name: "the token-1234-abc")
        model.details = ["family": "token-1234-abc", "token-1234-abc": "x", "size": "7B"]
        let secrets = Secrets([], options: ["token-1234-abc", "qwen"])
        let cleaned = secrets.hidden(in: [
            model, Model(id: "token-1234-abc", name: "a"), Model(id: "x/token%2D1234-abc", name: "a"),
            Model(id: "qwen2.5", name: "a"), Model(id: "token-1234", name: "token-1234"),
        ])

        #expect(cleaned.map(\.id) == ["m", "qwen2.5", "token-1234"])
        #expect(cleaned.first?.name == "the [secret]")
        #expect(cleaned.first?.details == ["family": "[secret]", "[secret]": "x", "size": "7B"])
    }

    /// Also for a server that knows the secret and wants to make this slow.
    @Test func largeTextsAreGoneThroughInTime() {
        let secret = "hdr-CANARY-secret-777"
        let secrets = Secrets(
            (0..<64).map { "sk-key-number-\($0)-of-many" }, options: [secret, String(repeating: "a", count: 500)])
        let clock = ContinuousClock()
        for piece in ["hdr-CANARY-secre", "\\u0068\\\\%68%2568&amp;", "aaaaaaaaaaaaaaaaaaa", "sk-key-number-1"] {
            let text = String(repeating: piece, count: 64 * 1024 / piece.utf8.count)
            let time = clock.measure { _ = secrets.hidden(in: text) }
            #expect(time < .seconds(20), "\(piece)")
        }
    }
}

@Suite struct OptionSecretsTests {
    private let schema = #"""
        {"type":"object","properties":{"headers":{"type":"object","additionalProperties":{"type":"string","writeOnly":true}},
        "login":{"type":"object","writeOnly":true},"list":{"type":"array","items":{"writeOnly":true}},
        "word":{"allOf":[{"type":"string"},{"format":"password"}]},"open":{"type":"string"},"deep":{"type":"object"}}}
        """#

    private func texts(_ options: String, marked: [String] = []) -> [String] {
        OptionSecrets.texts(in: options, schema: schema, marked: marked) { ["NAME": "of-the-variable"][$0] }.sorted()
    }

    @Test(arguments: [
        (#"{"open":"o"}"#, []), (#"{"headers":{"a":"1","b":"2"},"open":"o"}"#, ["1", "2"]),
        (#"{"login":{"name":"n","pins":[12,["x"],true,null]}}"#, ["12", "n", "x"]),
        (#"{"list":["p","q"],"word":"w"}"#, ["p", "q", "w"]),
        (#"{"password_env":"NAME","deep":{"keys_env":["NAME","NONE"]}}"#, ["of-the-variable", "of-the-variable"]),
        ("{", []), ("[]", []),
    ]) func theSchemaSaysWhatIsSecret(_ options: String, _ expected: [String]) {
        #expect(texts(options) == expected)
    }

    @Test func theOperatorSaysWhatElseIs() {
        let options = #"{"open":"o","deep":{"a.b":{"c":"d"},"e":"f"}}"#
        #expect(texts(options, marked: ["open", "deep.a.b"]) == ["d", "o"])
        #expect(texts(options, marked: ["deep"]) == ["d", "f"])
    }

    @Test func aNameMaySayThatATextIsSecret() {
        let options = #"{"login":{"password":"p-w","user":"u"},"max_token":4096,"api_key_env":"NAME","token":["a-b"]}"#
        let texts = OptionSecrets.texts(in: options, schema: "", marked: []) { ["NAME": "of-the-variable"][$0] }
        #expect(texts.sorted() == ["a-b", "of-the-variable", "p-w"])
    }

    @Test func anAdapterWithoutASchemaHasWhatTheOperatorMarks() {
        #expect(OptionSecrets.texts(in: #"{"a":"b"}"#, schema: "", marked: ["a"]) == ["b"])
    }
}

/// Keeps lines of the log.
private final class Lines: LogHandler, Sendable {
    private let all = Mutex<[String]>([])
    var text: String { all.withLock { $0.joined(separator: "\n") } }
    func log(event: LogEvent) { all.withLock { $0.append("\(event.message)") } }
    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }
}

@Suite struct SecretChannelsTests {
    private static let secret = #"hdr "CANARY" 777"#

    @Test(arguments: spellings.indices) func noReportTellsASecretInAnySpelling(_ index: Int) throws {
        let written = "x" + String(repeating: " ", count: 3) + spellings[index].write(Self.secret)
        let lines = Lines()
        let registry = Registry(failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster()) { _ in }
        let identity = BackendIdentity(id: "b", name: "b", url: "http://h", backendType: "t", priority: 1)
        _ = registry.add(identity, driver: Nobody())
        let reports = AdapterReports(
            id: "b", registry: registry, logger: Logger(label: "test") { _ in lines },
            secrets: Secrets([], options: [Self.secret]))
        var model = Model(id: "m", name: written)
        model.details = ["family": written]
        reports.received([model, Model(id: "a" + written, name: "n")], dropped: 0)
        reports.received(HealthReport(outcome: .unhealthy, message: written, server: written))
        reports.received(log: written, level: 1)

        let told = lines.text + "\(registry.views)"
        #expect(!told.contains(written.dropFirst(4)) && told.contains("[secret]"), "\(told)")
        #expect(registry.views.first?.models.map(\.id) == ["m"])
        #expect(registry.views.first?.lastError?.contains("[secret]") == true)
    }

    private typealias Nobody = FailedBackend

    @Test func whatAnAdapterSaysWhenItRefusesItsOptionsIsCleaned() throws {
        let image = try AdapterImage(path: TestAdapter.echo(in: TestAdapter.directory()))
        let registry = Registry(failureThreshold: 1, recoveryThreshold: 1, broadcaster: Broadcaster()) { _ in }
        do throws(AdapterBackend.CreateFailure) {
            _ = try AdapterBackend(
                identity: BackendIdentity(
                    id: "refused", name: "refused", url: "http://h", backendType: "echo", priority: 1),
                image: image, target: UpstreamTarget(host: "127.0.0.1", port: 1, isTLS: false, basePath: ""),
                apiKeys: ["refused by this"], options: "{}", registry: registry, logger: Logger(label: "test"))
            Issue.record("it was taken")
        } catch {
            #expect(
                error.message.contains("[API key]") || !error.message.contains("refused by this"), "\(error.message)")
        }
    }
}

/// Parts of secrets, which servers tell so that one knows which is meant.
@Suite struct SecretPartTests {
    private let key = "sk-proj-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

    @Test func everyPartOfALineIsHiddenWhereverItBegins() {
        let secrets = Secrets([key])
        let bytes = Array(key.utf8)
        for start in bytes.indices {
            for end in start..<bytes.count where end - start >= 15 {
                let part = String(decoding: bytes[start..<end], as: UTF8.self)
                #expect(secrets.hidden(in: "bad \(part)!") == "bad [API key]!", "\(part)")
            }
        }
    }

    @Test func shortPartsAndOtherWordsStay() {
        let secrets = Secrets([key])
        for text in ["ends in WXYZ", "6789ABCDE", "sk-proj-012", "a 0123456 789"] {
            #expect(secrets.hidden(in: text) == text)
        }
    }

    @Test func aBeginningAndAnEndAreHiddenAndWhatIsBetweenStays() {
        #expect(
            Secrets([key]).hidden(in: "sk-proj-01234567***KLMNOPQRSTUVWXYZ of you") == "[API key]***[API key] of you")
    }

    @Test func manyLongSecretsAreFoundAndNothingElse() {
        var random = SystemRandomNumberGenerator()
        let secrets = (0..<64).map { _ in
            (0..<2000).map { _ in String(UInt8.random(in: 33...126, using: &random) == 34 ? "a" : "x") }.joined()
                + String(UInt64.random(in: .min ... .max, using: &random), radix: 16)
        }
        let all = Secrets(secrets)
        #expect(all.hidden(in: "of " + secrets[63].suffix(600) + " all") == "of [API key] all")
        #expect(all.hidden(in: "nothing of that is here") == "nothing of that is here")
    }
}
