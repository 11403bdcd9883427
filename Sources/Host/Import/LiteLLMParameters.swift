/// What else stands in `litellm_params` and `model_info`.
enum LiteLLMParameters {
    /// Members of a request that LiteLLM adds to those of clients.
    private static let request = [
        "temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "seed", "stop", "presence_penalty",
        "frequency_penalty",
        "n", "response_format", "tools", "tool_choice", "reasoning_effort", "thinking", "extra_body", "user",
        "logit_bias", "stream",
        "dimensions", "encoding_format",
    ]

    static func read(
        _ table: inout SourceTable, model: String, into backend: inout DraftBackend, _ remarks: inout Remarks
    ) {
        time(&table, model, &backend, &remarks)
        if backend.type == "ollama" {
            if let context = table.number("num_ctx", &remarks) {
                option("num_ctx", .number(context), table, &backend, &remarks)
            }
            if let time = table.text("keep_alive", &remarks) {
                option("keep_alive", Double(time).map { .number($0) } ?? .text(time), table, &backend, &remarks)
            }
        }
        table.none(
            "rpm", "tpm",
            because: "limits are those of clients' keys (requests_per_minute and tokens_per_minute of [[keys]])",
            &remarks)
        table.none("max_retries", "num_retries", because: "routing.max_retries counts for all", &remarks)
        table.none("max_budget", "budget_duration", because: "Nexus counts tokens, and no money", &remarks)
        table.none(
            "input_cost_per_token", "output_cost_per_token", "input_cost_per_second", "output_cost_per_second",
            because: "Nexus counts tokens, and no money", &remarks)
        table.none(
            "drop_params", "additional_drop_params",
            because: "the adapter leaves out what it knows that the server does not take", &remarks)
        table.none("api_version", because: "Azure's newer API needs none", &remarks)
        table.none("tags", because: "backends are chosen by model, ability and load", &remarks)
        table.none("mock_response", because: "there is no backend behind it", &remarks)
        for name in request {
            table.none(
                name, because: "requests reach servers as clients send them; set it there, or in the client", &remarks)
        }
        table.finish(&remarks)
    }

    private static func time(
        _ table: inout SourceTable, _ model: String, _ backend: inout DraftBackend, _ remarks: inout Remarks
    ) {
        var values: [(name: String, value: TOMLValue)] = []
        if let total = table.number("timeout", &remarks) {
            values.append(("total_seconds", .number(min(max(total, 0), 86400))))
        }
        if let stream = table.number("stream_timeout", &remarks) {
            values.append(("first_byte_seconds", .number(min(max(stream, 0), 86400))))
        }
        guard !values.isEmpty else { return }
        if backend.modelTimeouts.contains(where: { $0.name == model }) {
            remarks.add(
                table.path, table.line,
                "has limits of time for a model that has some at this server already; they were left out")
        } else if !model.contains("*") {
            backend.modelTimeouts.append((model, values))
        } else {
            backend.timeouts = values
        }
    }

    /// Options are those of a server here, and of a model there.
    private static func option(
        _ name: String, _ value: TOMLValue, _ table: SourceTable, _ backend: inout DraftBackend,
        _ remarks: inout Remarks
    ) {
        guard let before = backend.options.first(where: { $0.name == name })?.value, before != value else {
            return backend.option(name, value)
        }
        remarks.add(
            table.full(name), table.line(of: name),
            "was left out: it is an option of the server here, and another model of it has set \(before.written)")
    }

    /// Headers to add to every request, without those that may hold a secret.
    static func headers(_ table: inout SourceTable, _ remarks: inout Remarks) -> [(name: String, value: TOMLValue)] {
        var headers: [(name: String, value: TOMLValue)] = []
        if let organization = table.text("organization", &remarks) {
            if organization.hasPrefix("os.environ/") {
                remarks.add(
                    table.full("organization"), table.line(of: "organization"),
                    "was left out: headers do not come from variables; write options.headers = { openai-organization = \"...\" }"
                )
            } else {
                headers.append(("openai-organization", .text(organization)))
            }
        }
        for name in ["extra_headers", "headers", "default_headers"] {
            guard let given = table.table(name, &remarks) else { continue }
            var rest = given
            for member in rest.rest() {
                guard let text = member.value.text, !KeyText.soundsSecret(member.name), !text.hasPrefix("os.environ/"),
                    text.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F })
                else {
                    remarks.add(
                        given.full(member.name), member.line,
                        "was left out, since it may be a secret or comes from a variable: write it into options.headers of the backend"
                    )
                    continue
                }
                headers.append((member.name.lowercased(), .text(text)))
            }
        }
        return headers
    }

    /// What LiteLLM is told of a model, and what Nexus asks servers for.
    static func readInformation(_ entry: inout SourceTable, _ draft: inout Draft) {
        guard var information = entry.table("model_info", &draft.remarks) else { return }
        let names = information.rest().map(\.name)
        guard !names.isEmpty else { return }
        draft.remarks.add(
            "\(information.path) (\(names.prefix(12).joined(separator: ", "))\(names.count > 12 ? ", …" : ""))",
            information.line, "has no counterpart: what a model can do is asked of its server, and nothing has a price")
    }
}
