/// The options of a backend of this type.
struct Options: Sendable {
    static let schema = """
        {"type":"object","additionalProperties":false,"properties":{\
        "flavor":{"type":"string","enum":["auto","llamacpp","vllm","sglang","lmstudio","tgi","localai","openai"],\
        "default":"auto","x-nexus-kinds":\(names),"description":"Which server software answers; auto: find out."},\
        "prefix":{"type":"string","default":"/v1","description":"Path before /chat/completions."},\
        "models":{"type":"array","items":{"type":"string"},"description":"The models there are, for a server without a list of \
        them, or to offer these alone."},\
        "models_path":{"type":"string","description":"Path of the model list; default: prefix + /models."},\
        "health_path":{"type":"string","description":"Path that answers 200 when the server is ready; default: by flavor."},\
        "metrics_path":{"type":"string","description":"Path of the server's metrics in Prometheus' form, for its load; \
        default: by flavor; empty: none."},\
        "endpoints":{"type":"array","items":{"type":"string","enum":["chat","completions","embeddings","responses",\
        "rerank","audio","images","messages","count_tokens"]},"description":"What the server answers; default: by flavor, until the server says no."},\
        "usage":{"type":"string","enum":["as_asked","always"],"default":"as_asked","description":"always: ask for the token \
        counts of every stream, and keep them from clients that did not."},\
        "inline_thinking":{"type":"string","enum":["as_it_is","tags","begun"],"default":"as_it_is","description":"What an answer \
        holds of <think>...</think> becomes reasoning_content; tags: it begins with the first tag; begun: that tag is in the \
        prompt's template."},\
        "auth_header":{"type":"string","default":"authorization","description":"Header that carries the API key."},\
        "headers":{"type":"object","additionalProperties":{"type":"string","writeOnly":true},"description":"Headers to add to every request."}}}
        """

    /// Names under which people look for this adapter, and the flavor that each stands for; the gateway takes them for types,
    /// in any usual spelling.
    private static let names = """
        {"llamacpp":"llamacpp","llama-server":"llamacpp","vllm":"vllm","sglang":"sglang","lmstudio":"lmstudio",\
        "tgi":"tgi","text-generation-inference":"tgi","localai":"localai","generic":"auto","openai-compatible":"auto",\
        "openai-compat":"auto","exo":"auto"}
        """

    let flavor: Flavor?
    /// Before "/chat/completions"; relative to the backend's URL, or the whole path if it is `isFromRoot`.
    let prefix: String
    /// The URL ends in the prefix, or in a path behind it: what stands before it, where the server's own paths begin; nil
    /// otherwise.
    let root: String?
    /// The URL holds more than the prefix, such as "/v1/chat/completions": all paths begin at the server's root.
    let isFromRoot: Bool
    let modelsPath: String
    /// Stated by the operator; nil: the server lists its models.
    let models: [String]?
    let healthPath: String?
    /// Nil: by flavor; empty: none.
    let metricsPath: String?
    /// `NEXUS_KIND_...` bits of "endpoints"; nil: the server is asked.
    let kinds: UInt32?
    /// The server is asked for the usage of every stream.
    let asksForUsage: Bool
    /// Where an answer's text holds what the model thought; nil: it is passed on as it is.
    let inlineThinking: InlineThinking.Mode?
    /// In lower case.
    let authHeader: String
    let headers: [(name: String, value: String)]

    /// - Parameter url: of the backend; one that ends in the prefix already does not get it twice.
    init(_ given: JSONObject, url: String) throws(ConfigurationProblem) {
        let known = [
            "flavor", "prefix", "models", "models_path", "health_path", "metrics_path", "endpoints", "usage",
            "inline_thinking",
            "auth_header",
            "headers",
        ]
        for (name, _) in given.members where !known.contains(name) {
            throw ConfigurationProblem("unknown option \"\(name)\"; known are \(known.joined(separator: ", "))")
        }
        let name = try Self.text(given, "flavor") ?? "auto"
        flavor = name == "auto" ? nil : Flavor(rawValue: name)
        if name != "auto", flavor == nil {
            throw ConfigurationProblem(
                "flavor \"\(name)\" is not known; use auto, "
                    + Flavor.allCases.map(\.rawValue).joined(separator: ", "))
        }
        let wanted = Self.withoutSlash(try Self.path(given, "prefix") ?? "/v1")
        let address = Address(url, prefix: wanted)
        (prefix, root, isFromRoot) = (address.prefix, address.root, address.isFromRoot)
        models = try Self.models(given["models"])
        modelsPath = try Self.path(given, "models_path") ?? prefix + "/models"
        healthPath = try Self.path(given, "health_path")
        metricsPath = try Self.text(given, "metrics_path") == "" ? "" : Self.path(given, "metrics_path")
        kinds = try Self.kinds(given["endpoints"])
        let usage = try Self.text(given, "usage") ?? "as_asked"
        guard ["as_asked", "always"].contains(usage) else {
            throw ConfigurationProblem("usage \"\(usage)\" is not known; use as_asked or always")
        }
        asksForUsage = usage == "always"
        let thinking = try Self.text(given, "inline_thinking") ?? "as_it_is"
        inlineThinking = InlineThinking.Mode(rawValue: thinking)
        guard thinking == "as_it_is" || inlineThinking != nil else {
            throw ConfigurationProblem("inline_thinking \"\(thinking)\" is not known; use as_it_is, tags or begun")
        }
        authHeader = (try Self.text(given, "auth_header") ?? "authorization").lowercased()
        guard !Self.isHosts(authHeader) else { throw ConfigurationProblem("auth_header is set by the gateway itself") }
        guard Self.isToken(authHeader) else {
            throw ConfigurationProblem("auth_header must be the name of an HTTP header")
        }
        headers = try Self.headers(given["headers"])
    }

    /// The path as a request takes it; see `isFromRoot`. What the operator states is below the URL's own path in any case.
    func place(_ path: String) -> String {
        isFromRoot && !path.hasPrefix(prefix) ? (root ?? "") + path : path
    }

    private static func models(_ value: JSONValue?) throws(ConfigurationProblem) -> [String]? {
        guard let value else { return nil }
        var names: [String] = []
        for item in value.array ?? [] {
            guard let name = item.string, (1...256).contains(name.utf8.count),
                name.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
            else { throw ConfigurationProblem("models holds something that is no name of a model (up to 256 bytes)") }
            if !names.contains(name) { names.append(name) }
            guard names.count <= 1000 else { throw ConfigurationProblem("models holds more than 1000 names") }
        }
        guard !names.isEmpty else { throw ConfigurationProblem("models must be a list of names that is not empty") }
        return names
    }

    private static func text(_ given: JSONObject, _ name: String) throws(ConfigurationProblem) -> String? {
        guard let value = given[name] else { return nil }
        guard let text = value.string else { throw ConfigurationProblem("\(name) must be a string") }
        return text
    }

    private static func path(_ given: JSONObject, _ name: String) throws(ConfigurationProblem) -> String? {
        guard let path = try text(given, name), !path.isEmpty else { return nil }
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw ConfigurationProblem("\(name) must be a path that starts with \"/\", without spaces")
        }
        return path
    }

    private static func kinds(_ value: JSONValue?) throws(ConfigurationProblem) -> UInt32? {
        guard let value else { return nil }
        guard let items = value.array, !items.isEmpty else {
            throw ConfigurationProblem("endpoints must be a list of names that is not empty")
        }
        var kinds: UInt32 = 0
        for item in items {
            guard let endpoint = Endpoint.all.first(where: { $0.name == item.string }) else {
                throw ConfigurationProblem(
                    "endpoints holds an unknown name; known are " + Endpoint.all.map(\.name).joined(separator: ", "))
            }
            kinds |= endpoint.kind
        }
        return kinds
    }

    private static func headers(_ value: JSONValue?) throws(ConfigurationProblem) -> [(name: String, value: String)] {
        guard let value else { return [] }
        guard let object = value.object else {
            throw ConfigurationProblem("headers must be an object of strings")
        }
        var headers: [(name: String, value: String)] = []
        for (name, value) in object.members {
            guard isToken(name), let text = value.string, text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                throw ConfigurationProblem(
                    "headers.\(name) must be a string without control characters, under the name of an HTTP header")
            }
            guard !isHosts(name) else {
                throw ConfigurationProblem("headers.\(name) is set by the gateway itself")
            }
            headers.append((name, text))
        }
        return headers
    }

    /// Header fields that the adapter must not write.
    private static func isHosts(_ name: String) -> Bool {
        ["host", "content-length", "transfer-encoding", "connection"].contains(name.lowercased())
    }

    private static func withoutSlash(_ path: String) -> String { path.hasSuffix("/") ? String(path.dropLast()) : path }

    private static func isToken(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
                    || $0 == 0x5F
            }
    }
}

/// Where the parts of a backend's URL begin, whatever of OpenAI's paths the operator has left at its end.
struct Address: Equatable {
    /// See `Options.prefix`.
    var prefix: String
    /// See `Options.root`.
    var root: String?
    /// See `Options.isFromRoot`.
    var isFromRoot = false

    /// - Parameter prefix: what stands before "/chat/completions".
    init(_ url: String, prefix wanted: String) {
        var path =
            url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false).dropFirst(3).first
            .map { "/" + $0 } ?? ""
        while path.hasSuffix("/") { path.removeLast() }
        // The longest first: "/chat/completions" ends in another.
        let known = (Endpoint.all.flatMap(\.paths) + ["/models"]).sorted { $0.utf8.count > $1.utf8.count }
        if let pasted = known.first(where: { path.hasSuffix($0) }) {
            path.removeLast(pasted.count)
            isFromRoot = true
        }
        guard path.hasSuffix(wanted) else {
            prefix = isFromRoot ? path : wanted
            root = isFromRoot ? path : nil
            return
        }
        root = String(path.dropLast(wanted.count))
        prefix = isFromRoot ? path : ""
        // The host puts the URL's own path before everything else.
        if !isFromRoot, wanted.isEmpty { root = nil }
    }
}
