import PluginAPI

/// What is particular to this kind of server: its paths, how a client's request becomes one of its own, and how its answer
/// is read. Functions of values alone: nothing here calls the gateway. CHANGE THIS FILE FIRST, and check.json with it.
///
/// As it stands it is for a server of this kind:
///
///     GET  /list   {"models":[{"name":"tiny","context":4096}]}
///     POST /say    {"model":"tiny","turns":[{"who":"user","says":"Hi"}],"stream":true,"max":100,"temperature":0.5}
///
///     whole        {"says":"Hello!","read":3,"wrote":2,"why":"end"}       why: "end", or "max": no more was allowed
///     a stream     lines of JSON: {"says":"Hel"}  {"says":"lo!"}  {"read":3,"wrote":2,"why":"end"}
///     an error     {"problem":"words"}, with an error status or as a line of a stream
enum ServerProtocol {
    static let modelsPath = "/list"
    static let answerPath = "/say"
    /// The content type of a stream; whatever has another one is a whole answer.
    static let streamType = "application/x-ndjson"

    // MARK: Models

    /// The models in the server's answer to `GET modelsPath`; nil: that is not what the answer is.
    static func models(_ answer: JSONValue) -> [ReportedModel]? {
        answer["models"]?.array?.compactMap { item in
            guard let name = item["name"]?.string, !name.isEmpty else { return nil }
            var model = ReportedModel(id: name, contextLength: UInt64(max(0, item["context"]?.int ?? 0)))
            // What it certainly lacks: requests that need it go elsewhere, and if all backends lack it they are refused,
            // before they come here.
            model.tell(NEXUS_MODEL_COMPLETION, true)
            model.tell(NEXUS_MODEL_VISION | NEXUS_MODEL_TOOLS | NEXUS_MODEL_JSON_MODE | NEXUS_MODEL_EMBEDDING, false)
            return model
        }
    }

    // MARK: A client's request

    /// Why a request is not sent; the client reads the words.
    struct Refusal: Error, Equatable {
        let kind: nexus_failure_kind
        let words: String

        /// The request is wrong: the client is told at once.
        static func wrong(_ words: String) -> Refusal { Refusal(kind: NEXUS_FAIL_REJECTED, words: words) }

        /// This server cannot do it, perhaps another backend can.
        static func cannot(_ words: String) -> Refusal { Refusal(kind: NEXUS_FAIL_UNSUPPORTED, words: words) }
    }

    struct Translation {
        /// The server's request.
        var body: [UInt8]
        /// The model, as the client wrote it.
        var model: String
        /// What of the client's request the server does not take, for `x-nexus-warning`; may be empty.
        var dropped: String
    }

    static func translate(_ request: JSONValue, stream: Bool) throws(Refusal) -> Translation {
        guard let model = request["model"]?.string else { throw .wrong("\"model\" is missing") }
        try check(request)
        var body = JSONObject([
            (name: "model", value: .string(model)), (name: "turns", value: .array(try turns(request))),
            (name: "stream", value: .bool(stream)),
        ])
        let limit = request["max_completion_tokens"]?.number ?? request["max_tokens"]?.number
        body["max"] = limit.map { .number($0) }
        body["temperature"] = request["temperature"]?.number.map { .number($0) }
        return Translation(body: JSONValue.object(body).bytes, model: model, dropped: dropped(request))
    }

    private static func turns(_ request: JSONValue) throws(Refusal) -> [JSONValue] {
        guard let messages = request["messages"]?.array else { throw .wrong("\"messages\" must be a list") }
        var turns: [JSONValue] = []
        for message in messages {
            guard let role = message["role"]?.string else { throw .wrong("a message must have a \"role\"") }
            if role == "tool" || message["tool_calls"]?.array != nil { throw .cannot("this server knows no tools") }
            // "developer" is the newer name of the same.
            let who = role == "developer" ? "system" : role
            turns.append(["who": .string(who), "says": .string(try text(message["content"]))])
        }
        return turns
    }

    /// The text of a message. A client may give it as a string, or as a list of parts:
    /// `[{"type":"text","text":"What is this?"},{"type":"image_url",...}]`. Parts that are no text cannot be left out: the
    /// answer would be one to another question.
    private static func text(_ content: JSONValue?) throws(Refusal) -> String {
        if let text = content?.string { return text }
        guard let parts = content?.array else {
            throw .wrong("the content of a message must be a text or a list of parts")
        }
        var texts: [String] = []
        for part in parts {
            let kind = part["type"]?.string ?? ""
            guard kind == "text" else {
                throw .cannot("this server reads text alone: it cannot take a part of type \"\(kind)\"")
            }
            guard let text = part["text"]?.string else { throw .wrong("a part of type \"text\" must have a \"text\"") }
            texts.append(text)
        }
        return texts.joined(separator: "\n")
    }

    /// What asks for another answer than this server gives: leaving it out would be wrong.
    private static func check(_ request: JSONValue) throws(Refusal) {
        if request["tools"]?.array?.isEmpty == false { throw .cannot("this server knows no tools") }
        if let format = request["response_format"]?["type"]?.string, format != "text" {
            throw .cannot("this server cannot promise an answer in JSON (response_format)")
        }
        if let count = request["n"]?.number, count.int != 1 {
            throw .cannot("this server gives one answer to a request, \"n\" must be 1")
        }
    }

    private static let taken: Set = [
        "model", "messages", "stream", "temperature", "max_tokens", "max_completion_tokens",
    ]
    /// These change nothing for the reader, or were looked at in `check`.
    private static let silent: Set = [
        "stream_options", "user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key", "tools",
        "tool_choice", "parallel_tool_calls", "response_format", "n",
    ]

    /// Tells what only shapes the answer, such as "seed": the request is served without it.
    private static func dropped(_ request: JSONValue) -> String {
        // It travels in a header field: whatever is not plain, and too many, are not repeated there.
        func isPlain(_ name: String) -> Bool {
            (1...40).contains(name.utf8.count)
                && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x5F }
        }
        let names = (request.object?.members ?? []).filter { member in
            !member.value.isNull && isPlain(member.name) && !taken.contains(member.name)
                && !silent.contains(member.name)
        }.map(\.name).prefix(10)
        switch names.count {
        case 0: return ""
        case 1: return "\(names[0]) was ignored: this server does not take it"
        default: return "\(names.joined(separator: ", ")) were ignored: this server does not take them"
        }
    }

    // MARK: The server's answer

    /// A whole answer, or a line of a stream.
    struct Piece {
        var text: String?
        /// Of the last one, in OpenAI's words: "stop" or "length".
        var finishReason: String?
        /// Nil: the server did not count.
        var promptTokens: UInt64?
        var completionTokens: UInt64?
    }

    /// Nil: it is no piece of an answer.
    static func piece(_ value: JSONValue) -> Piece? {
        func count(_ name: String) -> UInt64? { value[name]?.int.flatMap { UInt64(exactly: $0) } }
        let reason = value["why"]?.string.map { $0 == "max" ? "length" : "stop" }
        let piece = Piece(
            text: value["says"]?.string, finishReason: reason, promptTokens: count("read"),
            completionTokens: count("wrote"))
        return piece.text == nil && piece.finishReason == nil ? nil : piece
    }

    /// What an error says; nil: it is no error.
    static func error(_ value: JSONValue) -> String? {
        value["problem"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    }
}
