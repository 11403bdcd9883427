/// What a server says went wrong, read out of any of the shapes in which servers, and proxies before them, say it: OpenAI's,
/// Anthropic's and Ollama's, FastAPI's `detail`, lists, problem+json (RFC 9457), pages of HTML, plain text. Pure; what it
/// costs is bounded by the text, and all that it gives is short.
public struct ToldError: Sendable {
    /// Characters of a message that are kept.
    public static let messageLimit = 2000

    /// Nil: an error without words.
    public var message: String?
    /// As the server wrote them, mostly texts; of `code` also numbers.
    public var type: JSONValue?
    public var param: JSONValue?
    public var code: JSONValue?
    /// The server wrote OpenAI's shape, and not too long: an object "error" that holds the message.
    public var isOpenAIs = false
    /// What llama.cpp tells of a full context beside its words.
    var promptTokens: Int64?
    var contextTokens: Int64?

    public init(message: String?, type: JSONValue? = nil, param: JSONValue? = nil, code: JSONValue? = nil) {
        self.message = message.map(Words.cut)
        self.type = type
        self.param = param
        self.code = code
    }

    private init(members object: JSONValue, _ message: String?) {
        self.init(message: message, type: object["type"], param: object["param"], code: object["code"])
        promptTokens = object["n_prompt_tokens"]?.int
        contextTokens = object["n_ctx"]?.int
    }

    // MARK: Reading

    /// Where only what is marked as an error is one: in an answer, or a part of one, that may be good. Understands
    /// `{"error":…}`, whatever stands there, and the flat `{"object":"error",…}` and `{"type":"error",…}`.
    public static func inside(_ value: JSONValue) -> ToldError? {
        if let error = value.errorMember {
            var told: ToldError
            if case .object = error {
                told = ToldError(members: error, Words.of(error))
                told.isOpenAIs = error["message"]?.string.map { $0.count <= messageLimit } ?? false
            } else {
                // Beside a short text such as "Bad Request" there may be more.
                let rest = error.string == nil ? nil : Words.beside(value)
                let words = Words.of(error) ?? Words.cut(String(decoding: error.bytes.prefix(4096), as: UTF8.self))
                told = ToldError(message: rest.map { $0.hasPrefix(words) ? $0 : "\(words): \($0)" } ?? words)
                told.code = value["code"]
            }
            return told
        }
        guard value["object"]?.string == "error" || value["type"]?.string == "error" else { return nil }
        return ToldError(members: value, Words.of(value))
    }

    /// What stands where an answer should be, and is none: words are enough.
    public static func instead(of value: JSONValue) -> ToldError? {
        if let told = inside(value) { return told }
        guard let words = Words.beside(value) else {
            // A number alone says little, but no answer has one under this name.
            return value["code"]?.int.map { ToldError(message: "the server reported an error with the code \($0)") }
        }
        return ToldError(message: words)
    }

    /// The body of an answer whose status says that it is an error; nil if nothing can be read in it.
    public static func body(_ bytes: some Collection<UInt8>) -> ToldError? {
        var text = bytes[...]
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
        text = text.drop { $0 <= 0x20 }
        guard let first = text.first else { return nil }
        if let value = try? JSONValue.parse(Array(text)) { return read(value) }
        if first == UInt8(ascii: "<") { return Words.ofPage(text).map { ToldError(message: $0) } }
        // An event, or the first of several lines of JSON.
        for line in text.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }).prefix(20) {
            let data = line.starts(with: "data:".utf8) ? line.dropFirst(5) : line
            if let value = try? JSONValue.parse(Array(data)), value.object != nil { return read(value) }
        }
        return Words.plain(text).map { ToldError(message: $0) }
    }

    /// JSON that is an error whatever it holds.
    private static func read(_ value: JSONValue) -> ToldError? {
        if let told = inside(value) { return told }
        // Google's servers wrap an error into a list.
        if let first = value[0], value.array?.count == 1 { return read(first) }
        if let words = Words.of(value) {
            var told = ToldError(members: value, words)
            // The type of problem+json is an address.
            if told.type?.string?.contains("/") == true || told.type?.string == "about:blank" { told.type = nil }
            return told
        }
        switch value {
        case .object(let object) where !object.isEmpty: break
        case .array(let items) where !items.isEmpty: break
        default: return nil
        }
        return ToldError(message: Words.cut(String(decoding: value.bytes.prefix(1024), as: UTF8.self), to: 300))
    }

    /// An HTTP status in the code.
    public var status: Int? { code?.int.flatMap { (400...599).contains($0) ? Int($0) : nil } }
}

/// Words for people, looked for in what a server sent.
private enum Words {
    /// Objects and lists inside of each other that are looked into.
    private static let depth = 5
    /// Items of a list whose words are put together.
    private static let items = 20
    /// Characters of what was a page.
    private static let pageLimit = 300

    /// Names that say by themselves that words of something that went wrong stand there.
    private static let names = [
        "message", "msg", "detail", "errors", "Error", "Message", "error_message", "error_msg", "errorMessage",
    ]
    /// These too where it is known that something did.
    private static let moreNames = [
        "error_description", "error", "title", "reason", "description", "faultstring", "fault", "text",
    ]

    static func cut(_ text: String) -> String { cut(text, to: ToldError.messageLimit) }

    /// Whole characters, and not many bytes where a hostile text puts a great many into one.
    static func cut(_ text: String, to limit: Int) -> String {
        guard text.utf8.count > limit else { return text }
        var bounded = text[...]
        var isBounded = false
        if let end = text.utf8.index(text.startIndex, offsetBy: limit * 8, limitedBy: text.endIndex),
            end < text.endIndex
        {
            bounded = text[..<text.unicodeScalars.index(before: end)]
            isBounded = true
        }
        var short = bounded.prefix(limit)
        // The last one may lack its end.
        if isBounded, short.endIndex == bounded.endIndex, short.count > 1 { short = short.dropLast() }
        return short.endIndex == text.endIndex ? text : String(short) + "…"
    }

    /// What an error says.
    static func of(_ value: JSONValue?) -> String? { of(value, names + moreNames, depth) }

    /// What stands beside an error that is marked, or is the only mark of one.
    static func beside(_ value: JSONValue) -> String? {
        value.object == nil ? nil : of(value, names, depth)
    }

    private static func of(_ value: JSONValue?, _ names: [String], _ depth: Int) -> String? {
        guard depth > 0, let value else { return nil }
        switch value {
        case .string(let text):
            guard text.utf8.contains(where: { $0 > 0x20 }) else { return nil }
            // Gateways put the JSON of the server behind them into a text.
            if text.hasPrefix("{"), text.utf8.count < 64 * 1024, let inner = try? JSONValue.parse(Array(text.utf8)),
                let words = of(inner, Words.names + moreNames, depth - 1)
            {
                return words
            }
            return cut(text)
        case .array(let all):
            var found: [String] = []
            for item in all.prefix(items) {
                if let words = of(item, Words.names + moreNames, depth - 1), !found.contains(words) {
                    found.append(words)
                }
            }
            return found.isEmpty ? nil : cut(found.joined(separator: "; "))
        case .object:
            // A lazy sequence would look for the first one twice, on each level.
            var found: String?
            for name in names where found == nil { found = of(value[name], names, depth - 1) }
            guard let words = found else { return nil }
            return cut((place(value["loc"]) ?? title(value, words) ?? "") + words)
        case .null, .bool, .number: return nil
        }
    }

    /// Where in a request something is wrong, as FastAPI tells it: `["body", "messages", 0, "content"]`.
    private static func place(_ value: JSONValue?) -> String? {
        guard let parts = value?.array else { return nil }
        let names = parts.prefix(items).compactMap { $0.string ?? $0.int.map { String($0) } }
        let path = names.first == "body" ? names.dropFirst() : names[...]
        return path.isEmpty ? nil : path.joined(separator: ".") + ": "
    }

    /// That of problem+json, which has the rest under `detail`.
    private static func title(_ value: JSONValue, _ words: String) -> String? {
        guard let title = value["title"]?.string, value["detail"] != nil, !title.isEmpty, !words.hasPrefix(title) else {
            return nil
        }
        return title + ": "
    }

    // MARK: What is no JSON

    /// Text in one line; nil if it is none, such as what is compressed.
    static func plain(_ bytes: some Collection<UInt8>) -> String? {
        let text = String(decoding: bytes.prefix(16 * 1024), as: UTF8.self)
        let odd = text.unicodeScalars.count { $0 == "\u{FFFD}" || $0.value < 0x20 && !$0.properties.isWhitespace }
        guard !bytes.contains(0), odd * 10 <= text.unicodeScalars.count else { return nil }
        let words = inOneLine(text)
        return words.isEmpty ? nil : cut(words)
    }

    private static func inOneLine(_ text: String) -> String {
        text.split { $0.isWhitespace || $0.unicodeScalars.allSatisfy { $0.value < 0x20 || $0.value == 0x7F } }
            .joined(separator: " ")
    }

    /// The text of a page or of XML, without its marks, styles and scripts.
    static func ofPage(_ bytes: some Collection<UInt8>) -> String? {
        var text = String(decoding: bytes.prefix(16 * 1024), as: UTF8.self)[...]
        var out = ""
        var title = ""
        while let open = text.firstIndex(of: "<") {
            out += text[..<open]
            let name = text[open...].dropFirst().prefix { $0.isLetter || $0 == "/" || $0 == "!" || $0 == "-" }
                .lowercased()
            let end =
                name.hasPrefix("!--") ? text[open...].range(ofText: "-->")?.upperBound : after(">", in: text[open...])
            guard let end else { break }
            text = text[end...]
            switch name {
            case "script", "style":
                guard let close = text.range(ofText: "</" + name)?.lowerBound else { return shown(title, out) }
                text = text[close...]
            case "/title":
                title = out
                out = ""
            // What stands in a line goes on without a space.
            case "b", "i", "em", "strong", "code", "a", "span", "/b", "/i", "/em", "/strong", "/code", "/a", "/span":
                break
            default: out += " "
            }
        }
        return shown(title, out + (text.contains("<") ? "" : String(text)))
    }

    private static func after(_ mark: Character, in text: Substring) -> String.Index? {
        text.firstIndex(of: mark).map { text.index(after: $0) }
    }

    private static func shown(_ title: String, _ body: String) -> String? {
        let (title, body) = (inOneLine(unescaped(title)), inOneLine(unescaped(body)))
        let words = title.isEmpty ? body : body.isEmpty ? title : body.hasPrefix(title) ? body : "\(title): \(body)"
        return words.isEmpty ? nil : cut(words, to: pageLimit)
    }

    private static func unescaped(_ text: String) -> String {
        var text = text
        for (name, character) in [
            ("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&#x27;", "'"),
            ("&amp;", "&"),
        ] {
            if text.contains("&") { text = text.replacing(name, with: character) }
        }
        return text
    }
}

extension Substring {
    /// Where a text of ASCII stands first, in any case of its letters.
    fileprivate func range(ofText other: String) -> Range<Index>? {
        let wanted = Array(other.utf8)
        var start = startIndex
        while let hit = utf8[start...].firstIndex(where: { $0 | 0x20 == (wanted.first ?? 0) | 0x20 }) {
            let rest = utf8[hit...].prefix(wanted.count)
            if rest.count == wanted.count, zip(rest, wanted).allSatisfy({ $0 | 0x20 == $1 | 0x20 }) {
                return hit..<rest.endIndex
            }
            start = utf8.index(after: hit)
        }
        return nil
    }
}
