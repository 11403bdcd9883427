import Core

/// One request of a scripted client. It says what the right answer to it is, so that servers need know nothing, and any mix-up of
/// bytes is seen.
struct Ask {
    enum Kind: CaseIterable {
        /// Of OpenAI's API.
        case chat, stream
        /// Of Anthropic's and Ollama's: translated for the server, and back.
        case messages, messagesStream, ollama, ollamaStream
        case models, health, page, unknownModel, unknownPath, brokenBody

        var isStream: Bool { self == .stream || self == .messagesStream || self == .ollamaStream }

        fileprivate var path: String {
            switch self {
            case .messages, .messagesStream: "/v1/messages"
            case .ollama, .ollamaStream: "/api/chat"
            default: "/v1/chat/completions"
            }
        }
    }

    let number: Int
    let kind: Kind
    let model: String
    /// Of the answer: how many, and how long each is.
    let pieces: Int
    let size: Int
    /// The body is sent in chunks.
    let isChunked: Bool
    let wantsContinue: Bool
    /// Bytes that make the request larger.
    let padding: Int
    /// Which key its client shows; nil: none.
    var key: Int?
    /// As the client has it; nil: it does not say.
    var priority: AdmissionQueue.Priority?
    /// A message of it holds an image.
    var hasImage = false

    var isExchange: Bool {
        switch kind {
        case .chat, .stream, .messages, .messagesStream, .ollama, .ollamaStream: true
        case .models, .health, .page, .unknownModel, .unknownPath, .brokenBody: false
        }
    }
    /// It ends in a record of the history.
    var isRecorded: Bool { isExchange || kind == .unknownModel || kind == .brokenBody }
    var id: String { "ask-\(number)" }

    static func number(of id: String) -> Int? { id.hasPrefix("ask-") ? Int(id.dropFirst(4)) : nil }

    // MARK: The request

    private var body: String {
        let stream = kind.isStream ? #","max_tokens":9,"stream":true"# : #","max_tokens":9,"stream":false"#
        let pad = padding > 0 ? #","user":"\#(String(repeating: "p", count: padding))""# : ""
        let words = #""ask \#(number) \#(pieces) \#(size).""#
        let content = hasImage ? #"[{"type":"text","text":\#(words)},\#(Self.image)]"# : words
        let text = #"{"model":"\#(model)","messages":[{"role":"user","content":\#(content)}]"# + stream + pad
        return kind == .brokenBody ? text : text + "}"
    }

    private static let image =
        #"{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}"#

    var bytes: [UInt8] {
        var host = "host: gateway\r\nx-request-id: \(id)\r\n"
        if let key { host += "authorization: Bearer client-\(key)\r\n" }
        if let priority { host += "x-nexus-priority: \(priority.rawValue)\r\n" }
        switch kind {
        case .models: return Array("GET /v1/models HTTP/1.1\r\n\(host)\r\n".utf8)
        case .health: return Array("GET /health HTTP/1.1\r\n\(host)\r\n".utf8)
        case .page:
            return Array("GET /?parts=summary,backends,models,history HTTP/1.1\r\n\(host)\r\n".utf8)
        case .unknownPath: return Array("GET /nowhere/\(number) HTTP/1.1\r\n\(host)\r\n".utf8)
        case .chat, .stream, .messages, .messagesStream, .ollama, .ollamaStream, .unknownModel, .brokenBody:
            let body = body
            var head = "POST \(kind.path) HTTP/1.1\r\n\(host)content-type: application/json\r\n"
            if wantsContinue { head += "expect: 100-continue\r\n" }
            guard isChunked else {
                return Array((head + "content-length: \(body.utf8.count)\r\n\r\n" + body).utf8)
            }
            let half = body.utf8.count / 2
            let (one, other) = (body.prefix(half), body.dropFirst(half))
            return Array(
                (head + "transfer-encoding: chunked\r\n\r\n" + Self.chunk(String(one)) + Self.chunk(String(other))
                    + "0\r\n\r\n").utf8)
        }
    }

    static func chunk(_ text: String) -> String {
        text.isEmpty ? "" : String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n"
    }

    // MARK: The answer

    /// Tokens that its prompt has at the least, and at the most with its answer, by the estimate of the documents.
    var fewestTokens: UInt64 { UInt64(padding / 8) }
    var mostTokens: UInt64 { UInt64(padding + 4000) }

    /// The model that a request's body names first.
    static func model(in body: [UInt8]) -> String? { body.parts(after: #""model":""#).first }

    /// What a server reads out of a request's body; nil: it is none of these.
    static func read(_ body: [UInt8]) -> (number: Int, pieces: Int, size: Int, stream: Bool)? {
        guard let start = body.place(of: "\"ask "), let end = body.place(of: ".", from: start) else { return nil }
        let numbers = String(decoding: body[(start + 5)..<end], as: UTF8.self).split(separator: " ").compactMap {
            Int($0)
        }
        guard numbers.count == 3 else { return nil }
        return (numbers[0], numbers[1], numbers[2], body.has(#""stream":true"#))
    }

    static func words(_ number: Int, _ index: Int, _ size: Int) -> String {
        let letter = UInt8(97 + (number + index) % 26)
        return "\(number).\(index):" + String(decoding: repeatElement(letter, count: size), as: UTF8.self)
    }

    static func whole(_ number: Int, pieces: Int, size: Int) -> String {
        let text = (0..<pieces).map { words(number, $0, size) }.joined()
        return
            #"{"id":"c\#(number)","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"\#(text)"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":\#(pieces),"total_tokens":\#(pieces + 1)}}"#
    }

    /// The events of a stream; the last two are the finish and the mark.
    static func events(_ number: Int, pieces: Int, size: Int) -> [String] {
        func event(_ delta: String, _ finish: String) -> String {
            #"data: {"id":"c\#(number)","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":\#(delta),"finish_reason":\#(finish)}]}"#
                + "\n\n"
        }
        return (0..<pieces).map { event(#"{"content":"\#(words(number, $0, size))"}"#, "null") }
            + [event("{}", #""stop""#), "data: [DONE]\n\n"]
    }

    /// What the model writes.
    var text: [UInt8] { Array((0..<pieces).map { Self.words(number, $0, size) }.joined().utf8) }

    var wholeAnswer: [UInt8] { Array(Self.whole(number, pieces: pieces, size: size).utf8) }
    var streamedAnswer: [UInt8] { Array(Self.events(number, pieces: pieces, size: size).joined().utf8) }
}
