import Foundation
import PluginAPI
import Testing

@testable import Ollama

/// One file of the golden tables.
struct GoldenCase: CustomTestStringConvertible, Sendable {
    let name: String
    let content: JSONValue

    var testDescription: String { name }

    var model: String { content["model"]?.string ?? "m:1b" }

    func options() throws -> Options { try Options(content["options"]?.object ?? JSONObject()) }

    func member(_ name: String) throws -> JSONValue {
        try #require(content[name], "\(self.name) has no member \"\(name)\"")
    }

    /// All files of a folder; a file that is no case is one that fails.
    static func all(_ folder: String) -> [GoldenCase] {
        guard let resources = Bundle.module.resourceURL else { return [] }
        let directory = resources.appendingPathComponent("Golden").appendingPathComponent(folder)
        let files = (try? FileManager.default.contentsOfDirectory(at: directory, includingPropertiesForKeys: nil)) ?? []
        return files.sorted { $0.path < $1.path }.map { file in
            let bytes = (try? Data(contentsOf: file)).map { [UInt8]($0) } ?? []
            return GoldenCase(
                name: folder + "/" + file.lastPathComponent, content: (try? JSONValue.parse(bytes)) ?? .null)
        }
    }
}

/// The same value with the members of all objects in order of their names, so that order does not count.
private func ordered(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let object):
        .object(
            JSONObject(object.members.map { (name: $0.name, value: ordered($0.value)) }.sorted { $0.name < $1.name }))
    case .array(let items): .array(items.map(ordered))
    default: value
    }
}

private func expect(_ found: JSONValue, is expected: JSONValue, _ what: String) {
    var found = found
    if expected["created"] == "now", var object = found.object {
        let created = object["created"]?.int ?? 0
        #expect(
            abs(created - Int64(Date().timeIntervalSince1970)) < 3600, "\(what): created is not the time of the answer")
        object["created"] = "now"
        found = .object(object)
    }
    let texts = [found, expected].map { String(decoding: ordered($0).bytes, as: UTF8.self) }
    #expect(texts[0] == texts[1], "\(what)")
}

private typealias Translation = () throws(Failure) -> TranslatedRequest

@Suite struct GoldenTests {
    private static let reply = Reply(id: "id-1", model: "m:1b", callPrefix: "call_p")

    @Test func theTablesAreThere() {
        let counts = ["requests", "answers", "streams", "completions", "embeddings"].map { GoldenCase.all($0).count }

        #expect(counts.allSatisfy { $0 > 0 } && counts.reduce(0, +) >= 60, "\(counts)")
    }

    @Test(arguments: GoldenCase.all("requests"))
    func aChatBecomesOllamas(_ golden: GoldenCase) throws {
        let (request, model, options) = (try golden.member("openai"), golden.model, try golden.options())

        let thinks = golden.content["thinks"]?.bool ?? true

        try check(golden) { () throws(Failure) in
            try ChatRequest.translate(request, model: model, options: options, thinks: thinks)
        }
    }

    @Test(arguments: GoldenCase.all("answers"))
    func anAnswerBecomesOpenAIs(_ golden: GoldenCase) throws {
        var reply = Self.reply
        let options = try golden.options()
        (reply.reasoningField, reply.inlineThinking) = (options.reasoningField, options.inlineThinking)
        let answer = ChatAnswer.translate(try golden.member("ollama"), reply)

        try check(golden, answer, expected: golden.member("openai"))
    }

    @Test(arguments: GoldenCase.all("streams"))
    func aStreamBecomesOpenAIs(_ golden: GoldenCase) throws {
        var reply = Self.reply
        let options = try golden.options()
        (reply.reasoningField, reply.inlineThinking) = (options.reasoningField, options.inlineThinking)
        reply.includesUsage = golden.content["include_usage"] == true

        try check(golden, ChatChunks(reply), golden.content)
    }

    @Test(arguments: GoldenCase.all("completions"))
    func aCompletionGoesBothWays(_ golden: GoldenCase) throws {
        let (request, model, options) = (try golden.member("openai"), golden.model, try golden.options())

        try check(golden) { () throws(Failure) in
            try CompletionRequest.translate(request, model: model, options: options)
        }
        var reply = Self.reply
        reply.echo = CompletionRequest.echo(request)
        if let answer = golden.content["answer"] {
            let translated = CompletionAnswer.translate(answer["ollama"] ?? .null, reply)
            try check(golden, translated, expected: answer["openai"] ?? .null)
        }
        if let stream = golden.content["stream"] {
            reply.includesUsage = stream["include_usage"] == true
            try check(golden, CompletionChunks(reply), stream)
        }
    }

    @Test(arguments: GoldenCase.all("embeddings"))
    func embeddingsGoBothWays(_ golden: GoldenCase) throws {
        let (request, model, options) = (try golden.member("openai"), golden.model, try golden.options())

        try check(golden) { () throws(Failure) in
            try Embeddings.request(request, model: model, options: options)
        }
        guard let answer = golden.content["answer"] else { return }
        let translated = Embeddings.answer(
            answer["ollama"] ?? .null, count: Embeddings.inputs(request).count, model: model,
            base64: request["encoding_format"] == "base64")
        try check(golden, translated, expected: answer["openai"] ?? .null)
    }

    // MARK: Comparing

    private func check(_ golden: GoldenCase, _ translate: Translation) throws {
        #expect(golden.content["why"]?.string?.isEmpty == false, "\(golden.name) does not say why")
        if let refused = golden.content["refused"] {
            do throws(Failure) {
                _ = try translate()
                Issue.record("\(golden.name) was not refused")
            } catch {
                let body = try JSONValue.parse(error.body)["error"]
                #expect(
                    error.kind == NEXUS_FAIL_REJECTED && error.status == 400 && body?["type"] == "invalid_request_error"
                )
                #expect(body?["param"] == refused["param"], "\(golden.name)")
                let words = try #require(refused["message"]?.string, "\(golden.name) has no message")
                #expect(error.message.contains(words), "\(golden.name): \(error.message)")
            }
            return
        }
        let sent = try translate()
        expect(sent.body, is: try golden.member("ollama"), golden.name)
        let warnings = (golden.content["warnings"]?.array ?? []).compactMap(\.string)
        #expect(sent.warning == warnings.joined(separator: " "), "\(golden.name)")
    }

    private func check(
        _ golden: GoldenCase, _ answer: (body: JSONValue, usage: TokenUsage)?, expected: JSONValue
    ) throws {
        #expect(golden.content["why"]?.string?.isEmpty == false, "\(golden.name) does not say why")
        guard let answer else {
            #expect(expected.isNull, "\(golden.name) is no answer")
            return
        }
        expect(answer.body, is: expected, golden.name)
        if let usage = golden.content["usage"] { check(golden, answer.usage, usage) }
    }

    private func check(_ golden: GoldenCase, _ chunks: some Chunks, _ stream: JSONValue) throws {
        #expect(golden.content["why"]?.string?.isEmpty == false, "\(golden.name) does not say why")
        var chunks = chunks
        let lines = try #require(stream["ollama"]?.array, "\(golden.name) has no lines")
        let bytes = lines.flatMap { chunks.events(for: $0) }
        let events = try String(decoding: bytes, as: UTF8.self).split(separator: "\n\n").map { event in
            let data = event.dropFirst("data: ".count)
            return data == "[DONE]" ? "[DONE]" : try JSONValue.parse(String(data))
        }
        let expected = try #require(stream["openai"]?.array, "\(golden.name) has no events")
        #expect(events.count == expected.count, "\(golden.name)")
        for (index, (event, expected)) in zip(events, expected).enumerated() {
            expect(event, is: expected, "\(golden.name), event \(index)")
        }
        if let usage = golden.content["usage"] { check(golden, chunks.usage, usage) }
    }

    private func check(_ golden: GoldenCase, _ usage: TokenUsage, _ expected: JSONValue) {
        #expect(usage.prompt == expected["prompt"]?.count, "\(golden.name)")
        #expect(usage.completion == expected["completion"]?.count, "\(golden.name)")
        #expect(usage.cached == expected["cached"]?.count, "\(golden.name)")
        #expect(usage.isEstimated == (expected["estimated"] == true), "\(golden.name)")
        #expect(usage.promptMicroseconds == expected["prompt_us"]?.count ?? 0, "\(golden.name)")
        #expect(usage.completionMicroseconds == expected["completion_us"]?.count ?? 0, "\(golden.name)")
    }
}
