/// Writes a draft as the text of a file.
enum DraftText {
    /// Bytes of a line of comment from which on it is broken.
    private static let width = 128

    static func text(of draft: Draft, kind: SourceKind) -> String {
        var lines = draft.introduction.flatMap(comment)
        for part in Draft.Part.allCases {
            guard let settings = draft.settings[part] else { continue }
            lines += ["", "[\(part.rawValue)]"]
            lines += settings.map { setting in
                "\(TOMLValue.key(setting.key)) = \(setting.value.written)"
                    + (setting.note.map { "  # " + plain($0) } ?? "")
            }
        }
        if !draft.aliases.isEmpty {
            lines += ["", "[routing.aliases]"]
            lines += draft.aliases.map { alias in
                "\(key(alias.name)) = \(alias.value.written)" + (alias.note.map { "  # " + plain($0) } ?? "")
            }
        }
        if !draft.fallbacks.isEmpty {
            lines += ["", "[routing.fallbacks]"]
            lines += draft.fallbacks.map { "\(key($0.name)) = \(TOMLValue.texts($0.models).written)" }
        }
        if !draft.keys.isEmpty { lines += [""] + draft.keys.flatMap(comment) }
        for backend in draft.backends {
            lines.append("")
            lines += Self.lines(of: backend)
        }
        lines += remarks(draft.remarks, kind)
        return lines.joined(separator: "\n") + "\n"
    }

    static func lines(of backend: DraftBackend) -> [String] {
        var lines = ["[[backends]]"]
        func set(_ key: String, _ value: TOMLValue) { lines.append("\(self.key(key, bare: true)) = \(value.written)") }
        set("name", .text(backend.name))
        set("type", .text(backend.type))
        set("url", .text(backend.url))
        if let priority = backend.priority { set("priority", .integer(priority)) }
        if let variable = backend.apiKeyEnv.first {
            set("api_key_env", backend.apiKeyEnv.count == 1 ? .text(variable) : .texts(backend.apiKeyEnv))
        }
        if let limit = backend.maxConcurrent { set("max_concurrent", .integer(limit)) }
        if !backend.options.isEmpty {
            lines.append("[backends.options]")
            for option in backend.options { set(option.name, option.value) }
        }
        if !backend.timeouts.isEmpty {
            lines.append("[backends.timeouts]")
            for timeout in backend.timeouts { set(timeout.name, timeout.value) }
        }
        for model in backend.modelTimeouts {
            lines.append("[backends.timeouts.models.\(key(model.name))]")
            for timeout in model.values { set(timeout.name, timeout.value) }
        }
        if backend.isComment { lines = lines.map { "# " + $0 } }
        return backend.comments.flatMap(comment) + lines
    }

    /// Names of models always stand in quotes, as everywhere in the documentation.
    private static func key(_ name: String, bare: Bool = false) -> String {
        bare ? TOMLValue.key(name) : TOMLValue.text(name).written
    }

    private static func remarks(_ remarks: Remarks, _ kind: SourceKind) -> [String] {
        guard !remarks.list.isEmpty else { return [] }
        var lines = ["", "# What is different here, or has no counterpart:"]
        for remark in remarks.inOrder {
            let place = remark.line > 0 ? "line \(remark.line): " : ""
            let path = remark.path.isEmpty ? "" : remark.path + " "
            lines += comment("\(kind.rawValue): \(place)\(path)\(remark.words)")
        }
        if remarks.omitted > 0 { lines.append("# and \(remarks.omitted) more") }
        return lines
    }

    /// Lines of comment of one text: broken between words where it is long.
    static func comment(_ text: String) -> [String] {
        var lines: [String] = []
        for paragraph in text.split(separator: "\n", omittingEmptySubsequences: false) {
            // What is set in stays as it is: it is to be copied.
            guard paragraph.utf8.count > width, !paragraph.hasPrefix(" ") else {
                lines.append(paragraph.isEmpty ? "#" : "# " + plain(paragraph))
                continue
            }
            var line = "#"
            for word in plain(paragraph).split(separator: " ") {
                if line.utf8.count + word.utf8.count + 1 > width, line.utf8.count > 3 {
                    lines.append(line)
                    line = "#  "
                }
                line += " " + word
            }
            lines.append(line)
        }
        return lines
    }

    /// Without control characters, which TOML does not have in comments.
    private static func plain(_ text: some StringProtocol) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }
}

/// A name of a file in a message: cut, and without control characters.
func quoted(_ text: String) -> String {
    let shown = String(
        String.UnicodeScalarView(text.unicodeScalars.prefix(80).map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    return "\"\(shown)\(shown.unicodeScalars.count < text.unicodeScalars.count ? "…" : "")\""
}
