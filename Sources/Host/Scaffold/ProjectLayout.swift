/// Where the files of this repository go in a new adapter's project.
struct ProjectLayout {
    static let templates = "templates/adapter/"
    private static let header = "Sources/PluginAPI/include/nexus_plugin.h"
    private static let rust = "Sources/PluginAPI/rust/"
    private static let zig = "Sources/PluginAPI/zig/"

    private let language: Scaffold.Language
    private let spoken: Scaffold.ServerProtocol

    init(_ language: Scaffold.Language, _ spoken: Scaffold.ServerProtocol) {
        self.language = language
        self.spoken = spoken
    }

    /// The place in the project of a file of this repository; nil: it is in no such project.
    func place(_ path: String) -> String? {
        if let file = template(path) { return placeOfTemplate(file) }
        switch language {
        case .c, .cpp: return path == Self.header ? "nexus_plugin.h" : nil
        case .rust:
            if path == Self.header { return "nexus_plugin.h" }
            return Self.below(Self.rust, path).map { "src/" + $0 }
        case .zig:
            if path == Self.header { return "nexus_plugin.h" }
            return Self.below(Self.zig, path)
        case .swift:
            if path.hasPrefix(Self.rust) || path.hasPrefix(Self.zig) { return nil }
            if path.hasPrefix("Sources/PluginAPI/") { return path }
            return Self.below("Sources/", path).map { "Sources/{{module}}/" + $0 }
        }
    }

    private func placeOfTemplate(_ file: String) -> String {
        switch language {
        case .swift where file.hasSuffix(".swift") && file != "Package.swift": "Sources/{{module}}/" + file
        case .rust where file.hasSuffix(".rs"): "src/" + file
        default: file == "gitignore" ? ".gitignore" : file
        }
    }

    /// The name of a template of this project; nil: it is none. A project for another protocol has a folder of its own, and
    /// shares with the other one what has nothing to do with the protocol.
    private func template(_ path: String) -> String? {
        switch spoken {
        case .openai: return Self.below(Self.templates + folder + "/", path)
        case .custom:
            if let file = Self.below(Self.templates + folder + "-custom/", path) { return file }
            return Self.below(Self.templates + folder + "/", path).flatMap { shared.contains($0) ? $0 : nil }
        }
    }

    private var folder: String { language == .cpp ? "cpp" : language.rawValue }

    private var shared: Set<String> {
        switch language {
        case .c: ["Makefile", "gitignore", "headers.h", "json.c", "json.h"]
        case .cpp: ["Makefile", "exports.map", "gitignore", "json.cpp", "json.hpp", "nexus.cpp", "nexus.hpp"]
        case .rust: ["Cargo.toml", "Makefile", "gitignore", "headers.rs", "json.rs"]
        case .zig: ["Makefile", "buffer.zig", "gitignore", "headers.zig", "json.zig"]
        case .swift: ["Entry.swift", "Makefile", "Package.swift", "exports.map", "gitignore"]
        }
    }

    private static func below(_ folder: String, _ path: String) -> String? {
        path.hasPrefix(folder) ? String(path.dropFirst(folder.count)) : nil
    }
}
