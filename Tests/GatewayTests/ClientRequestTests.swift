import AdapterHost
import Core
import Dialects
import Testing

@testable import Gateway

@Suite struct ClientRequestTests {
    private func streams(_ kind: RequestKind, _ path: String, _ stream: String?) throws -> Bool {
        let member = stream.map { #","stream":\#($0)"# } ?? ""
        let peek = try Array("{\"model\":\"m\"\(member)}".utf8).withUnsafeBytes { try RequestScanner.scan($0) }
        return kind.streams(peek, path: path)
    }

    @Test(arguments: [(nil, true), ("null", true), ("true", true), ("false", false)] as [(String?, Bool)])
    func ollamaStreamsUnlessItIsToldNotTo(_ stream: String?, _ expected: Bool) throws {
        #expect(try streams(.ollama, "/api/chat", stream) == expected)
        #expect(try streams(.ollama, "/api/generate", stream) == expected)
        #expect(try streams(.ollama, "/api/embed", stream) == false)
    }

    @Test(arguments: [(nil, false), ("null", false), ("true", true), ("false", false)] as [(String?, Bool)])
    func theOthersStreamIfTheyAreToldTo(_ stream: String?, _ expected: Bool) throws {
        #expect(try streams(.chat, "/v1/chat/completions", stream) == expected)
        #expect(try streams(.messages, "/v1/messages", stream) == expected)
        #expect(try streams(.embeddings, "/v1/embeddings", stream) == false)
    }

    @Test(arguments: [
        ("/v1/messages", Dialect.anthropic), ("/v1/messages/x", .anthropic), ("/v1/messagesx", .openAI),
        ("/api/chat", .ollama), ("/api", .openAI), ("/v1/chat/completions", .openAI), ("/", .openAI),
    ])
    func aPathBelongsToAnAPIAlsoIfNothingIsThere(_ path: String, _ dialect: Dialect) {
        #expect(Dialect(path: path) == dialect)
    }
}
