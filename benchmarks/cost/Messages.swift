import NIOCore

/// What client and server send.
enum Messages {
    static let request = post(chat + "}")
    static let streamRequest = post(chat + #","stream":true}"#)
    static let models = whole(#"{"object":"list","data":[{"id":"m","object":"model","owned_by":"vllm"}]}"#)
    static let answer = whole(
        #"{"id":"chatcmpl-1","object":"chat.completion","created":1767225600,"model":"m","#
            + #""choices":[{"index":0,"message":{"role":"assistant","content":"The capital of France is Paris."},"#
            + #""finish_reason":"stop"}],"usage":{"prompt_tokens":22,"completion_tokens":8,"total_tokens":30}}"#)
    static let streamHead = ByteBuffer(
        string: "HTTP/1.1 200 OK\r\nserver: x\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    static let event = ByteBuffer(string: chunk(delta(#"{"content":" capital"}"#, finish: "null")))
    static let lastEvent = ByteBuffer(string: chunk(delta("{}", finish: #""stop""#)))
    static let streamEnd = ByteBuffer(string: chunk("data: [DONE]\n\n") + "0\r\n\r\n")

    private static let chat =
        #"{"model":"m","messages":[{"role":"system","content":"Be brief."},"#
        + #"{"role":"user","content":"What is the capital of France?"}],"temperature":0.7"#

    private static func delta(_ delta: String, finish: String) -> String {
        #"data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1767225600,"model":"m","#
            + #""choices":[{"index":0,"delta":\#(delta),"finish_reason":\#(finish)}]}"# + "\n\n"
    }

    /// As the official Python client sends it.
    private static func post(_ body: String) -> ByteBuffer {
        ByteBuffer(
            string: "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:8080\r\naccept-encoding: gzip, deflate\r\n"
                + "connection: keep-alive\r\naccept: application/json\r\ncontent-type: application/json\r\n"
                + "user-agent: OpenAI/Python 1.99.1\r\nx-stainless-lang: python\r\nx-stainless-retry-count: 0\r\n"
                + "authorization: Bearer none\r\ncontent-length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    private static func whole(_ body: String) -> ByteBuffer {
        ByteBuffer(
            string: "HTTP/1.1 200 OK\r\nserver: x\r\ncontent-type: application/json\r\n"
                + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
    }

    private static func chunk(_ text: String) -> String { String(text.utf8.count, radix: 16) + "\r\n\(text)\r\n" }
}
