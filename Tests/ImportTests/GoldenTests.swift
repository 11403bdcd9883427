import Config
import Core
import Foundation
import Testing

@testable import Import

/// Files of Golden: a configuration of another gateway, and beside it the `nexus.toml` that is made of it. They are written anew after
/// the documentation of each format. `NEXUS_WRITE_DOCS=1` writes the results anew.
@Suite struct GoldenTests {
    static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Golden")

    static func sources() -> [String] {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return files.filter { !$0.hasSuffix(".nexus.toml") }.sorted()
    }

    private func imported(_ file: String) throws -> ImportedFile {
        let text = try String(contentsOf: Self.folder.appendingPathComponent(file), encoding: .utf8)
        return try Importer.read(text)
    }

    @Test func everyKindHasASmallFileAndAFullOne() {
        for kind in SourceKind.allCases {
            for size in ["small", "full"] {
                #expect(Self.sources().contains { $0.hasPrefix("\(kind.rawValue)-\(size).") })
            }
        }
    }

    @Test(arguments: sources())
    func aFileBecomesTheConfigurationBesideIt(_ file: String) throws {
        let result = try imported(file)

        let name = file.split(separator: ".").dropLast().joined(separator: ".") + ".nexus.toml"
        let expected = Self.folder.appendingPathComponent(name)
        if ProcessInfo.processInfo.environment["NEXUS_WRITE_DOCS"] == "1" {
            try result.text.write(to: expected, atomically: true, encoding: .utf8)
        }
        #expect(result.text == (try? String(contentsOf: expected, encoding: .utf8)))
        #expect(file.hasPrefix(result.kind.rawValue), "it was taken for one of \(result.kind.rawValue)")
        #expect(try ConfigurationReader.read(result.text, source: name).backends.count == result.backends)
    }

    @Test(arguments: sources())
    func noKeyAndNoPasswordOfAFileIsInTheResult(_ file: String) throws {
        let text = try imported(file).text

        for secret in [
            "sk-ant-secret-in-plain-text", "sk-of-our-own-server", "not-to-be-copied", "user:password", "sk-client-one",
            "server-secret",
            "hf_secret", "written-into-the-file",
        ] {
            #expect(!text.contains(secret))
        }
    }

    /// Each name of the source is in the result, with a counterpart or in a remark.
    @Test(arguments: sources().filter { $0.contains("full") && $0.hasSuffix(".yaml") })
    func nothingOfAFileIsPassedOverInSilence(_ file: String) throws {
        let source = try String(contentsOf: Self.folder.appendingPathComponent(file), encoding: .utf8)
        let result = try imported(file)
        let root = try YAMLText.value(of: source)

        for member in root.members ?? [] {
            for inner in member.value.members ?? [] where inner.value.members == nil && inner.value.list == nil {
                let isTold =
                    result.text.contains("\(member.name).\(inner.name) ") || result.text.contains(": \(member.name) ")
                #expect(isTold || Self.known.contains("\(member.name).\(inner.name)"), "\(member.name).\(inner.name)")
            }
        }
    }

    /// What has a counterpart, which the results beside the files show.
    private static let known: Set<String> = [
        "router_settings.routing_strategy", "router_settings.num_retries", "router_settings.timeout",
        "router_settings.cooldown_time",
        "litellm_settings.set_verbose", "litellm_settings.json_logs", "general_settings.health_check_interval",
        "general_settings.global_max_parallel_requests", "macros.server", "macros.context", "server.port",
        "server.shutdown_timeout",
        "server.request_logging", "proxy.load_balancer", "proxy.connection_timeout", "proxy.response_timeout",
        "proxy.read_timeout",
        "discovery.type", "logging.level", "logging.format",
    ]
}
