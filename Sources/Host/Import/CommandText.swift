/// The command line of a server, as it may be shown: without what may be a secret.
struct CommandText: Equatable {
    static let hidden = "***"

    /// Words of the command, secrets hidden.
    private(set) var words: [String] = []
    /// A key that the server wants of its clients.
    private(set) var key: String?

    /// The flag whose value comes next.
    private var flag: Substring?
    /// The quote that ends a value which is being hidden.
    private var quote: Character?

    /// - Parameter text: in one line or several, with `\` at the ends of lines or without, and with comments.
    init(_ text: String) {
        for line in text.split(whereSeparator: \.isNewline) {
            let line = line.drop(while: \.isWhitespace)
            guard !line.hasPrefix("#") else { continue }
            for word in line.split(whereSeparator: \.isWhitespace) where word != "\\" { take(word) }
        }
    }

    /// What it most likely starts, as a type of backend; nil: it does not say.
    var type: String? {
        for word in words {
            let name = word.split(separator: "/").last.map { $0.lowercased() } ?? ""
            if name.hasPrefix("llama-server") || name.hasPrefix("llamafile") || word.contains("llama.cpp") {
                return "llamacpp"
            }
            if name.hasPrefix("vllm") || word.contains("vllm.") { return "vllm" }
            if name.hasPrefix("sglang") || word.contains("sglang.") { return "sglang" }
            if name.hasPrefix("text-generation-launcher") || name.hasPrefix("text-generation-inference") {
                return "tgi"
            }
            if name.hasPrefix("local-ai") || name.hasPrefix("localai") { return "localai" }
            if name == "ollama" { return "ollama" }
        }
        return nil
    }

    // MARK: Secrets

    private mutating func take(_ word: Substring) {
        if let open = quote {
            // The rest of a value with spaces, which was hidden at its beginning.
            if word.last == open { quote = nil }
        } else if let flag {
            self.flag = nil
            hide(word, of: flag)
            words.append(Self.hidden)
        } else if let equals = word.firstIndex(of: "="), Self.isSecret(word[..<equals]) {
            // "--api-key=x" and "HF_TOKEN=x" hold their values themselves.
            hide(word[word.index(after: equals)...], of: word[..<equals])
            words.append(word[...equals] + Self.hidden)
        } else {
            words.append(String(word))
            if !word.contains("="), Self.isSecretFlag(Self.bare(word)) { flag = Self.bare(word) }
        }
    }

    private mutating func hide(_ value: Substring, of flag: Substring) {
        if let first = value.first, first == "\"" || first == "'", value.count == 1 || value.last != first {
            quote = first
        }
        let name = Self.bare(flag)
        // Of other secrets the server's clients know nothing.
        guard key == nil, name.hasPrefix("-"), ["api-key", "api_key"].contains(name.drop { $0 == "-" }.lowercased())
        else { return }
        key = String(Self.bare(value))
    }

    private static func isSecret(_ name: Substring) -> Bool {
        let name = bare(name)
        let isVariable = name.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || $0 == 0x5F }
        return isVariable ? KeyText.soundsSecret(String(name)) : isSecretFlag(name)
    }

    private static func isSecretFlag(_ word: Substring) -> Bool {
        guard word.hasPrefix("-") else { return false }
        let name = word.drop { $0 == "-" }.lowercased()
        // A file with keys is no secret itself, and neither are tokens of a model.
        let isOther =
            name.hasSuffix("file") || name.contains("tokens") || name.contains("tokenizer")
            || name.contains("special-token")
        return KeyText.soundsSecret(name) && !isOther
    }

    /// Without quotes around it.
    private static func bare(_ word: Substring) -> Substring {
        var word = word.drop { $0 == "\"" || $0 == "'" }
        while let last = word.last, last == "\"" || last == "'" { word.removeLast() }
        return word
    }
}
