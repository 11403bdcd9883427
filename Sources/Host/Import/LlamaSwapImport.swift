/// llama-swap's `config.yaml` (github.com/mostlygeek/llama-swap, config.example.yaml).
///
/// It starts a server for each model when one is asked for, and stops it again. Nexus starts nothing: each model becomes a backend for a
/// server that somebody else runs, with the command as a comment.
enum LlamaSwapImport {
    static func read(_ root: SourceTable, _ draft: inout Draft, _ environment: [String: String]) {
        var root = root
        draft.introduction = [
            "llama-swap starts and stops the servers of its models; Nexus does not. Two ways:",
            "1. Run those that fit into memory together by yourself (systemd, containers): the commands stand below.",
            "2. Let llama-swap run, and put Nexus before it. Then this is the only backend, in the place of all others:",
            "  [[backends]]", "  name = \"llama-swap\"", "  type = \"openai\"", "  url = \"http://127.0.0.1:8080\"",
        ]
        var macros = Macros()
        if let table = root.table("macros", &draft.remarks) { macros.add(table) }
        var reading = LlamaSwapModels(
            macros: macros, firstPort: Int(min(max(root.number("startPort", &draft.remarks) ?? 5800, 1), 65535)))
        if let models = root.table("models", &draft.remarks) { reading.read(models, &draft) }
        if let peers = root.table("peers", &draft.remarks) { LlamaSwapPeers.read(peers, macros, &draft) }
        groups(&root, &draft)
        if let level = root.text("logLevel", &draft.remarks) {
            let known = ["debug": "debug", "info": "info", "warn": "warning", "error": "error"][level.lowercased()]
            if let known { draft.set(.logging, "level", .text(known)) }
        }
        let keys = root.texts("apiKeys", &draft.remarks)
        if let first = keys.first {
            var variable = "LLAMA_SWAP_KEY"
            if case .variable(let name) = KeyText(first) { variable = name }
            draft.keys = ClientKeys.lines(
                "llama-swap let clients in by \(keys.count == 1 ? "a key" : "\(keys.count) keys"). Here only hashes of keys stand in the "
                    + "file. Without a key Nexus listens on this machine alone, and lets everybody on it in.",
                name: "clients", role: "client", variable: variable)
            draft.remarks.add("apiKeys", root.line(of: "apiKeys"), "are not copied: see what is said of [[keys]] above")
        }
        root.none(
            "healthCheckTimeout", "globalTTL", "ttl", "sendLoadingState", "hooks", "matrix",
            because: "Nexus neither starts servers nor stops them", &draft.remarks)
        root.none(
            "includeAliasesInList", because: "GET /v1/models lists every alias that can be served", &draft.remarks)
        root.none(
            "metricsMaxInMemory", "captureBuffer", because: "[history] and [captures] say what is kept", &draft.remarks)
        root.none(
            "logRequests", "logToStdout", "logTimeFormat", because: "[logging] says what is told (docs/logging.md)",
            &draft.remarks)
        root.finish(&draft.remarks)
    }

    private static func groups(_ root: inout SourceTable, _ draft: inout Draft) {
        guard var groups = root.table("groups", &draft.remarks) else { return }
        for member in groups.rest() {
            let members = (member.value["members"]?.list ?? []).compactMap(\.text).map(quoted).joined(separator: ", ")
            let swaps = member.value["swap"]?.bool ?? true
            draft.remarks.add(
                groups.full(member.name), member.line,
                "has no counterpart: \(members.isEmpty ? "its models" : members) "
                    + (swaps ? "took turns in memory; here each runs, or is left out" : "stayed in memory, as here")
            )
        }
    }
}

/// The models of a llama-swap file.
struct LlamaSwapModels {
    let macros: Macros
    let firstPort: Int
    /// Bytes of texts with their macros so far.
    private var spent = 0

    /// Bytes of all texts with what their macros stand for; a file that is read has a mebibyte.
    private static let spentLimit = 512 * 1024

    init(macros: Macros, firstPort: Int) {
        self.macros = macros
        self.firstPort = firstPort
    }

    mutating func read(_ models: SourceTable, _ draft: inout Draft) {
        var models = models
        let members = models.rest()
        var ports: [String: Int] = [:]
        // Ports are given in the order of the names, to those that ask for one.
        for member in members.sorted(by: { $0.name < $1.name }) where asksForPort(member.value) {
            ports[member.name] = min(firstPort + ports.count, 65535)
        }
        for member in members {
            guard member.value.members != nil else {
                draft.remarks.add(models.full(member.name), member.line, "is no table, and was left out")
                continue
            }
            let table = SourceTable(member.value, path: models.full(member.name))
            add(member.name, table, port: ports[member.name], &draft)
        }
    }

    /// One that says nothing of its address gets it with a port of its own.
    private mutating func asksForPort(_ model: SourceValue) -> Bool {
        if model["proxy"] == nil { return model["cmd"] != nil }
        for name in ["cmd", "proxy"] {
            if let text = model[name]?.text, let all = expanded(text, macros), all[...].range(of: "${PORT}") != nil {
                return true
            }
        }
        return false
    }

    private mutating func add(_ id: String, _ table: SourceTable, port: Int?, _ draft: inout Draft) {
        var table = table
        var macros = self.macros
        if let own = table.table("macros", &draft.remarks) { macros.add(own) }
        if let port { macros.set("PORT", "\(port)") }
        macros.set("MODEL_ID", id)
        let command = expanded("cmd", &table, macros, &draft).map(CommandText.init)
        let address = expanded("proxy", &table, macros, &draft) ?? port.map { "http://localhost:\($0)" }
        let url = address.flatMap {
            Addresses.checked($0, table.full("proxy"), table.line(of: "proxy"), &draft.remarks)
        }
        var backend = DraftBackend(
            name: draft.backendName(id), type: command?.type ?? "openai", url: url ?? "http://127.0.0.1:8000")
        if url == nil {
            backend.isComment = true
            backend.comments = ["It has no address that can be used here. Set url."]
        }
        run(command, table.texts("env", &draft.remarks), &backend)
        if let key = command?.key {
            backend.apiKeyEnv = [
                {
                    if case .variable(let name) = KeyText(key) { return name }
                    return draft.variable(for: key, of: backend.name, table.full("cmd"), table.line(of: "cmd"))
                }()
            ]
        }
        let served = table.text("useModelName", &draft.remarks)
        // The server may call the model otherwise: what clients ask for is what llama-swap calls it.
        if backend.type != "ollama" { backend.option("models", .texts([served ?? id])) }
        if let served, served != id { draft.addAlias(id, .text(served), from: table.full("useModelName"), table.line) }
        for alias in table.texts("aliases", &draft.remarks) where alias != id {
            draft.addAlias(alias, .text(id), from: table.full("aliases"), table.line(of: "aliases"))
        }
        if let limit = table.number("concurrencyLimit", &draft.remarks), limit >= 1 {
            backend.maxConcurrent = Int(min(limit, 100_000))
        }
        health(&table, &backend, &draft)
        rest(&table, &draft)
        draft.backends.append(backend)
    }

    private mutating func expanded(_ text: String, _ macros: Macros) -> String? {
        guard spent <= Self.spentLimit, let all = macros.expanded(text) else { return nil }
        spent += all.utf8.count
        return all
    }

    private mutating func expanded(
        _ name: String, _ table: inout SourceTable, _ macros: Macros, _ draft: inout Draft
    ) -> String? {
        guard let text = table.text(name, &draft.remarks) else { return nil }
        if let expanded = expanded(text, macros) { return expanded }
        draft.remarks.add(
            table.full(name), table.line(of: name),
            "has macros that lead to one another without end, or to too long a text; it was left out")
        return nil
    }

    private func run(_ command: CommandText?, _ variables: [String], _ backend: inout DraftBackend) {
        guard let command, !command.words.isEmpty else { return }
        let settings = variables.map { variable -> String in
            let name = variable.prefix { $0 != "=" }
            return KeyText.soundsSecret(String(name)) ? "\(name)=\(CommandText.hidden)" : variable
        }
        backend.comments.append("To be run by yourself:")
        backend.comments.append("  " + (settings + command.words).joined(separator: " "))
    }

    private func health(_ table: inout SourceTable, _ backend: inout DraftBackend, _ draft: inout Draft) {
        guard let path = table.text("checkEndpoint", &draft.remarks), path != "/health" else { return }
        if path.hasPrefix("/"), backend.type != "ollama", path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) {
            backend.option("health_path", .text(path))
        } else {
            draft.remarks.add(
                table.full("checkEndpoint"), table.line(of: "checkEndpoint"),
                "has no counterpart: the adapter knows how to ask this server")
        }
    }

    private func rest(_ table: inout SourceTable, _ draft: inout Draft) {
        table.none(
            "ttl", "cmdStop", "sendLoadingState", because: "Nexus neither starts servers nor stops them", &draft.remarks
        )
        table.none(
            "unlisted", because: "GET /v1/models lists every model; [[keys]] models limits what a client may use",
            &draft.remarks)
        table.none(
            "filters", because: "requests reach servers as clients send them; set members in the client", &draft.remarks
        )
        table.none(
            "name", "description", "metadata", because: "models are shown by the name that clients ask for",
            &draft.remarks)
        table.none("timeouts", because: "[backends.timeouts] are the limits of time", &draft.remarks)
        table.finish(&draft.remarks)
    }
}

/// Other llama-swaps and servers that a llama-swap passes requests on to.
enum LlamaSwapPeers {
    static func read(_ peers: SourceTable, _ macros: Macros, _ draft: inout Draft) {
        var peers = peers
        for member in peers.rest() {
            guard member.value.members != nil else {
                draft.remarks.add(peers.full(member.name), member.line, "is no table, and was left out")
                continue
            }
            var table = SourceTable(member.value, path: peers.full(member.name))
            let url = table.text("proxy", &draft.remarks).flatMap { macros.expanded($0) }.flatMap {
                Addresses.checked($0, table.full("proxy"), table.line(of: "proxy"), &draft.remarks)
            }
            var backend = DraftBackend(
                name: draft.backendName(member.name), type: "openai", url: url ?? "http://127.0.0.1:8000")
            backend.isComment = url == nil
            let models = table.texts("models", &draft.remarks)
            if !models.isEmpty { backend.option("models", .texts(models)) }
            if let text = table.text("apiKey", &draft.remarks).flatMap({ macros.expanded($0) }) {
                switch KeyText(text) {
                case .variable(let name): backend.apiKeyEnv = [name]
                case .secret(let secret):
                    backend.apiKeyEnv = [
                        draft.variable(for: secret, of: backend.name, table.full("apiKey"), table.line(of: "apiKey"))
                    ]
                case .filler: break
                }
            }
            table.none(
                "filters", because: "requests reach servers as clients send them; set members in the client",
                &draft.remarks)
            table.none("timeouts", because: "[backends.timeouts] are the limits of time", &draft.remarks)
            table.finish(&draft.remarks)
            draft.backends.append(backend)
        }
    }
}
