import AuthorAssets

/// The files of a new adapter's project. Pure: a name, a language and a protocol give a list of files.
public enum Scaffold {
    public enum Language: String, CaseIterable, Sendable {
        case c
        case swift
        case rust
        case cpp = "c++"
        case zig
    }

    /// What the servers speak that the adapter is for.
    public enum ServerProtocol: String, CaseIterable, Sendable {
        /// OpenAI's API: requests and answers pass as they are.
        case openai
        /// Another one: requests and answers are translated.
        case custom
    }

    public struct File: Sendable, Equatable {
        /// Below the project's folder.
        public let path: String
        public let text: String
    }

    /// Why there is no project, for the author.
    public struct BadName: Error, Equatable, CustomStringConvertible {
        public let description: String
    }

    /// Characters of a name, which becomes the backend type.
    public static let nameLimit = 64

    /// All files, sorted by path.
    public static func files(
        name: String, language: Language, protocol spoken: ServerProtocol = .openai
    ) throws(BadName) -> [File] {
        try check(name)
        let (module, crate) = (moduleName(name), crateName(name))
        func filled(_ text: String) -> String {
            let named = replacing("{{name}}", by: name, in: text)
            return replacing("{{crate}}", by: crate, in: replacing("{{module}}", by: module, in: named))
        }
        let layout = ProjectLayout(language, spoken)
        return embedded.compactMap { file in
            layout.place(file.path).map { place in
                File(path: filled(place), text: isTemplate(file.path) ? filled(file.text) : file.text)
            }
        }.sorted { $0.path < $1.path }
    }

    /// The name of the Swift module: "my-llm" becomes "MyLlmAdapter". Two adapters in one process must not have the same.
    static func moduleName(_ name: String) -> String {
        name.split { $0 == "-" || $0 == "_" }.map { $0.prefix(1).uppercased() + $0.dropFirst() }.joined() + "Adapter"
    }

    /// The name of the Rust crate: "my-llm" becomes "my_llm_adapter", which is no word of the language.
    static func crateName(_ name: String) -> String {
        String(name.map { $0 == "-" ? "_" : $0 }) + "_adapter"
    }

    private static func check(_ name: String) throws(BadName) {
        let bytes = Array(name.utf8)
        let isFine =
            bytes.first.map(isLetter) == true && bytes.count <= nameLimit
            && bytes.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || $0 == 0x5F || $0 == 0x2D }
        guard isFine else {
            throw BadName(
                description:
                    "\"\(name)\" cannot be the name of an adapter: it becomes the backend type, and that starts with "
                    + "a letter and has small letters a-z, digits, - and _ only, at most \(nameLimit) characters")
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }

    private static func isTemplate(_ path: String) -> Bool { path.hasPrefix(ProjectLayout.templates) }

    private static func replacing(_ part: String, by other: String, in text: String) -> String {
        var result = ""
        var rest = Substring(text)
        while let start = rest.firstIndex(of: "{") {
            result += rest[..<start]
            rest = rest[start...]
            if rest.hasPrefix(part) {
                result += other
                rest = rest.dropFirst(part.count)
            } else {
                result += "{"
                rest = rest.dropFirst()
            }
        }
        return result + rest
    }

    // MARK: What is embedded

    struct Embedded: Sendable {
        /// In this repository.
        let path: String
        let text: String
    }

    static let embedded: [Embedded] = (0..<nexus_author_file_count()).map { index in
        let file = nexus_author_file_at(index)
        return Embedded(path: String(cString: file.path), text: String(cString: file.text))
    }
}
