import Foundation
import Testing

@testable import Scaffold

private let top = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

@Suite struct NameTests {
    @Test(arguments: ["a", "my-llm", "llama_2", String(repeating: "x", count: 64)], Scaffold.Language.allCases)
    func aNameThatCanBeABackendTypeIsTaken(_ name: String, _ language: Scaffold.Language) throws {
        #expect(try !Scaffold.files(name: name, language: language).isEmpty)
    }

    @Test(arguments: ["", "A", "1a", "-a", "_a", "a b", "a/b", "../a", "ä", "a\n", String(repeating: "x", count: 65)])
    func anyOtherIsRefusedByName(_ name: String) {
        let refusal = #expect(throws: Scaffold.BadName.self) { try Scaffold.files(name: name, language: .c) }
        #expect(refusal?.description.contains("\"\(name)\" cannot be the name of an adapter") == true)
    }

    @Test func cratesAreNamedAfterTheAdapter() { #expect(Scaffold.crateName("my-llm") == "my_llm_adapter") }

    @Test func modulesAreNamedAfterTheAdapter() {
        #expect(Scaffold.moduleName("my-llm") == "MyLlmAdapter" && Scaffold.moduleName("a_2") == "A2Adapter")
    }
}

@Suite struct FileTests {
    private func paths(
        _ language: Scaffold.Language, _ spoken: Scaffold.ServerProtocol = .openai
    ) throws -> [String] {
        try Scaffold.files(name: "my-llm", language: language, protocol: spoken).map(\.path)
    }

    @Test func theCProjectIsComplete() throws {
        #expect(
            try paths(.c) == [
                ".gitignore", "Makefile", "README.md", "adapter.c", "adapter.h", "events.h", "exchange.c", "failure.c",
                "headers.h", "json.c", "json.h", "nexus_plugin.h", "probe.c",
            ])
        #expect(
            try paths(.c, .custom) == [
                ".gitignore", "Makefile", "README.md", "adapter.c", "adapter.h", "buffer.h", "check.json", "exchange.c",
                "headers.h", "json.c", "json.h", "nexus_plugin.h", "probe.c", "protocol.c", "protocol.h",
            ])
    }

    @Test func theCppProjectIsComplete() throws {
        #expect(
            try paths(.cpp) == [
                ".gitignore", "Makefile", "README.md", "adapter.cpp", "adapter.hpp", "events.hpp", "exchange.cpp",
                "exports.map", "json.cpp", "json.hpp", "nexus.cpp", "nexus.hpp", "nexus_plugin.h", "probe.cpp",
            ])
        #expect(
            try paths(.cpp, .custom) == [
                ".gitignore", "Makefile", "README.md", "adapter.cpp", "adapter.hpp", "check.json", "exchange.cpp",
                "exports.map", "json.cpp", "json.hpp", "nexus.cpp", "nexus.hpp", "nexus_plugin.h", "probe.cpp",
                "protocol.cpp", "protocol.hpp",
            ])
    }

    @Test(arguments: Scaffold.ServerProtocol.allCases)
    func theSwiftProjectIsComplete(_ spoken: Scaffold.ServerProtocol) throws {
        let paths = try paths(.swift, spoken)

        for path in [
            ".gitignore", "Makefile", "Package.swift", "README.md", "exports.map",
            "Sources/PluginAPI/include/nexus_plugin.h", "Sources/PluginAPI/header.c",
            "Sources/MyLlmAdapter/Backend.swift", "Sources/MyLlmAdapter/Entry.swift",
            "Sources/MyLlmAdapter/AdapterKit/EntryPoint.swift", "Sources/MyLlmAdapter/JSON/JSONParser.swift",
        ] { #expect(paths.contains(path), "\(path) is missing") }
        #expect(!paths.contains { $0.contains("adapter.c") || $0.hasPrefix("templates") || $0.hasSuffix(".rs") })
        #expect(paths.contains("Sources/MyLlmAdapter/ServerError.swift") == (spoken == .openai))
        #expect(paths.contains("Sources/MyLlmAdapter/Protocol.swift") == (spoken == .custom))
        #expect(paths.contains("check.json") == (spoken == .custom))
        #expect(Set(paths).count == paths.count)
    }

    @Test func theRustProjectIsComplete() throws {
        #expect(
            try paths(.rust) == [
                ".gitignore", "Cargo.toml", "Makefile", "README.md", "nexus_plugin.h", "src/events.rs",
                "src/exchange.rs",
                "src/failure.rs", "src/headers.rs", "src/json.rs", "src/lib.rs", "src/nexus_plugin.rs", "src/probe.rs",
            ])
        #expect(
            try paths(.rust, .custom) == [
                ".gitignore", "Cargo.toml", "Makefile", "README.md", "check.json", "nexus_plugin.h", "src/exchange.rs",
                "src/headers.rs", "src/json.rs", "src/lib.rs", "src/nexus_plugin.rs", "src/probe.rs", "src/protocol.rs",
                "src/quoted.rs",
            ])
    }

    @Test func theZigProjectIsComplete() throws {
        #expect(
            try paths(.zig) == [
                ".gitignore", "Makefile", "README.md", "adapter.zig", "buffer.zig", "events.zig", "exchange.zig",
                "headers.zig", "json.zig", "nexus_plugin.h", "nexus_plugin.zig", "probe.zig",
            ])
        #expect(
            try paths(.zig, .custom) == [
                ".gitignore", "Makefile", "README.md", "adapter.zig", "buffer.zig", "check.json", "exchange.zig",
                "headers.zig", "json.zig", "nexus_plugin.h", "nexus_plugin.zig", "probe.zig", "protocol.zig",
            ])
    }

    @Test(arguments: Scaffold.Language.allCases, Scaffold.ServerProtocol.allCases)
    func noPlaceholderIsLeft(_ language: Scaffold.Language, _ spoken: Scaffold.ServerProtocol) throws {
        for file in try Scaffold.files(name: "my-llm", language: language, protocol: spoken) {
            #expect(!["{{name}}", "{{module}}", "{{crate}}"].contains(where: file.text.contains), "\(file.path)")
            #expect(!file.path.contains("{{"), "\(file.path)")
        }
    }

    @Test(arguments: [
        (Scaffold.Language.c, "adapter.c"), (.swift, "Sources/MyLlmAdapter/Backend.swift"), (.rust, "src/lib.rs"),
        (.cpp, "adapter.cpp"), (.zig, "adapter.zig"),
    ])
    func theAdapterHasItsName(_ language: Scaffold.Language, _ path: String) throws {
        for spoken in Scaffold.ServerProtocol.allCases {
            let files = try Scaffold.files(name: "my-llm", language: language, protocol: spoken)

            #expect(files.first { $0.path == path }?.text.contains("\"my-llm\"") == true)
        }
    }

    @Test(arguments: Scaffold.Language.allCases)
    func aProjectForAnotherProtocolChecksItselfWithItsScript(_ language: Scaffold.Language) throws {
        let files = try Scaffold.files(name: "my-llm", language: language, protocol: .custom)

        #expect(files.contains { $0.path == "check.json" })
        #expect(files.first { $0.path == "Makefile" }?.text.contains("--script check.json") == true)
    }
}

/// What is in the binary is what is in the tree.
@Suite struct EmbeddedTests {
    @Test func everyEmbeddedFileEqualsTheTrees() throws {
        for file in Scaffold.embedded {
            let text = try String(contentsOf: top.appendingPathComponent(file.path), encoding: .utf8)
            #expect(file.text == text, "\(file.path) has changed since Sources/Host/AuthorAssets was built")
        }
    }

    @Test(arguments: [
        "Sources/PluginAPI/include", "Sources/AdapterKit", "Sources/EventStream", "Sources/JSON",
        "Sources/PluginAPI/rust", "Sources/PluginAPI/zig",
    ])
    func everyFileOfTheseFoldersIsEmbedded(_ folder: String) throws { try requireAll(of: folder) }

    @Test func everyTemplateIsEmbedded() throws {
        let folder = "templates/adapter"
        for language in try FileManager.default.contentsOfDirectory(atPath: top.appendingPathComponent(folder).path) {
            try requireAll(of: "\(folder)/\(language)")
        }
    }

    private func requireAll(of folder: String) throws {
        let files = try FileManager.default.contentsOfDirectory(atPath: top.appendingPathComponent(folder).path)
        let embedded = Set(Scaffold.embedded.map(\.path))

        for file in files { #expect(embedded.contains("\(folder)/\(file)"), "run scripts/assets.py") }
    }
}
