import Config
import JSON

/// What became of another gateway's file.
public struct ImportedFile: Sendable, Equatable {
    /// A key that stands in the file as plain text, and was not copied.
    public struct Secret: Sendable, Equatable {
        /// The environment variable that is to hold it.
        public var variable: String
        /// Where its value stands.
        public var path: String
        public var line: Int
        /// To tell two apart; it is written nowhere.
        var value: String
    }

    public var kind: SourceKind
    /// A `nexus.toml` that `ConfigurationReader` takes.
    public var text: String
    public var secrets: [Secret]
    /// Backends that can be used as they are written.
    public var backends: Int
    /// Remarks at the end of the text.
    public var remarks: Int
}

/// Makes a `nexus.toml` of the configuration of another gateway. Pure: a text and the environment give a text.
public enum Importer {
    /// Bytes of a file; the largest that were seen have a tenth of it.
    public static let sizeLimit = 1024 * 1024

    /// - Parameters:
    ///   - kind: whose file it is; nil: found out by what is in it.
    ///   - environment: for addresses that the file takes from there. No key is taken from it.
    /// - Throws: what is wrong with the file. What it merely has no counterpart for stands in the result.
    public static func read(
        _ text: String, kind: SourceKind? = nil, environment: [String: String] = [:]
    ) throws(ImportProblem) -> ImportedFile {
        guard text.utf8.count <= sizeLimit else {
            throw ImportProblem("the file has more than \(sizeLimit) bytes; no configuration is so large")
        }
        let (kind, root) = try opened(text, kind)
        guard root.members?.isEmpty == false else {
            throw ImportProblem(line: root.line, "the file holds no table of settings")
        }
        var draft = Draft()
        let table = SourceTable(root, path: "")
        switch kind {
        case .litellm: LiteLLMImport.read(table, &draft, environment)
        case .llamaSwap: LlamaSwapImport.read(table, &draft, environment)
        case .olla: OllaImport.read(table, &draft)
        case .rustNexus: RustNexusImport.read(table, &draft)
        }
        draft.trimAliases()
        let usable = draft.backends.filter { !$0.isComment }
        draft.introduction = introduction(kind, draft, usable.count) + draft.introduction
        let written = DraftText.text(of: draft, kind: kind)
        do throws(ConfigurationError) {
            _ = try ConfigurationReader.read(written, source: "nexus.toml")
        } catch {
            throw ImportProblem(
                "what was made of it is not valid here, and was not written: "
                    + error.problems.map { ($0.key.isEmpty ? "" : "\($0.key): ") + $0.message }.joined(separator: "; "))
        }
        return ImportedFile(
            kind: kind, text: written, secrets: draft.secrets, backends: usable.count, remarks: draft.remarks.list.count
        )
    }

    private static func introduction(_ kind: SourceKind, _ draft: Draft, _ backends: Int) -> [String] {
        let count = draft.remarks.list.count
        var lines = [
            "Made by 'nexus config import' of a configuration of \(kind.title). 'nexus doctor' says what is missing; 'nexus config "
                + "init' writes a file with every key that there is."
        ]
        if count > 0 {
            lines.append(
                "What is different here, or has no counterpart, stands at the end (\(count == 1 ? "one remark" : "\(count) remarks"))."
            )
        }
        if backends == 0 {
            lines.append(
                "No server of it can be used as it stands: without any, Nexus looks for servers on this machine.")
        }
        for secret in draft.secrets {
            lines.append(
                "Set \(secret.variable) where Nexus is started: its value stands in the old file, line \(secret.line) (\(secret.path))."
            )
        }
        return lines
    }

    // MARK: Which file it is

    private static func opened(
        _ text: String, _ kind: SourceKind?
    ) throws(ImportProblem) -> (SourceKind, SourceValue) {
        if let kind { return (kind, kind.isYAML ? try YAMLText.value(of: text) : try TOMLSource.value(of: text)) }
        let yaml: SourceValue
        do throws(ImportProblem) {
            yaml = try YAMLText.value(of: text)
        } catch let problem {
            // TOML is hardly ever YAML; what is neither is told as what it looks like.
            guard TOMLSource.looksLikeIt(text) else { throw problem }
            return (.rustNexus, try rustNexus(text))
        }
        if let kind = SourceKind.recognised(in: yaml) { return (kind, yaml) }
        if yaml.members == nil, TOMLSource.looksLikeIt(text) { return (.rustNexus, try rustNexus(text)) }
        let kinds = SourceKind.allCases.map(\.rawValue).joined(separator: ", ")
        throw ImportProblem("it is not clear whose configuration this is; say so with --from (\(kinds))")
    }

    /// A file that is valid here and does not say where it listens is not taken for one of the other Nexus, which listens everywhere.
    private static func rustNexus(_ text: String) throws(ImportProblem) -> SourceValue {
        let value = try TOMLSource.value(of: text)
        guard value["server"]?["host"] == nil,
            (try? ConfigurationReader.read(text, source: "nexus.toml")) != nil
        else { return value }
        throw ImportProblem(
            "this is a valid nexus.toml of this Nexus already; if it is one of the Rust Nexus, say so with --from "
                + SourceKind.rustNexus.rawValue)
    }
}

/// A TOML text as plain values with their lines.
enum TOMLSource {
    static func value(of text: String) throws(ImportProblem) -> SourceValue {
        do throws(ConfigurationProblem) {
            let document = try TOMLDocument(text)
            let value = value(.object(document.root), "", document)
            guard let large = large(value) else { return value }
            throw ConfigurationProblem(
                key: "", line: large,
                message:
                    "a table or a list has more than \(YAMLText.Limits.members) entries; no configuration has so many")
        } catch {
            throw ImportProblem(line: error.line, error.message)
        }
    }

    /// The line of a table or list that is too large.
    private static func large(_ value: SourceValue) -> Int? {
        let inner = value.list ?? value.members?.map(\.value) ?? []
        if inner.count > YAMLText.Limits.members { return value.line }
        for item in inner {
            if let line = large(item) { return line }
        }
        return nil
    }

    /// Whether a line of it begins a table or sets a key as TOML does.
    static func looksLikeIt(_ text: String) -> Bool {
        text.utf8.split(separator: 0x0A).contains { line in
            let line = line.prefix(256).drop { $0 == 0x20 || $0 == 0x09 }
            if line.first == UInt8(ascii: "[") { return true }
            let key = line.prefix { $0 != UInt8(ascii: "=") }
            return key.count < line.count && !key.isEmpty && !key.contains(UInt8(ascii: ":"))
                && key.first != UInt8(ascii: "#")
        }
    }

    private static func value(_ value: JSONValue, _ path: String, _ document: TOMLDocument) -> SourceValue {
        // The reader of TOML bounds how deep this goes.
        let line = document.line(of: path) ?? 0
        switch value {
        case .null: return SourceValue(.null, line: line)
        case .bool(let flag): return SourceValue(.bool(flag), line: line)
        case .number(let number): return SourceValue(.number(number.text), line: line)
        case .string(let text): return SourceValue(.text(text), line: line)
        case .array(let items):
            return SourceValue(
                .list(items.enumerated().map { self.value($0.element, "\(path)[\($0.offset)]", document) }), line: line)
        case .object(let object):
            let members = object.members.map { member in
                let full = path.isEmpty ? member.name : "\(path).\(member.name)"
                let value = self.value(member.value, full, document)
                return SourceValue.Member(name: member.name, line: value.line, value: value)
            }
            return SourceValue(.table(members), line: line)
        }
    }
}
