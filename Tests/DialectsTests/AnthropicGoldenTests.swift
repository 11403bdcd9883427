import Foundation
import JSON
import Testing

@testable import Dialects

/// Files of Golden/anthropic. Each says why it is there; a member that a test does not know, or one it misses, fails.
@Suite struct AnthropicGoldenTests {
    static func cases(_ folder: String) -> [String] {
        let url = Bundle.module.resourceURL?.appendingPathComponent("Golden/anthropic/\(folder)")
        let files = url.flatMap { try? FileManager.default.contentsOfDirectory(atPath: $0.path) } ?? []
        return files.filter { $0.hasSuffix(".json") }.sorted()
    }

    private func load(_ folder: String, _ file: String, members: Set<String>) throws -> JSONValue {
        let url = try #require(Bundle.module.resourceURL).appendingPathComponent("Golden/anthropic/\(folder)/\(file)")
        let value = try JSONValue.parse(Array(Data(contentsOf: url)))
        let names = Set(try #require(value.object).members.map(\.name))
        #expect(names.isSubset(of: members), "members that no test reads")
        #expect(value["why"]?.string?.isEmpty == false)
        return value
    }

    private func translate(_ request: JSONValue) throws(ClientError) -> Translation {
        try AnthropicMessages.translate(request, model: "llama-3", askedModel: "claude", requestID: "r1")
    }

    /// The answer's translation for a request with what the case adds to it.
    private func answer(_ golden: JSONValue) throws -> any AnswerTranslation {
        var request = JSONObject([
            (name: "max_tokens", value: 16), (name: "messages", value: [["role": "user", "content": "Hi"]]),
        ])
        for (name, value) in golden["request"]?.object?.members ?? [] { request[name] = value }
        return try translate(.object(request)).answer
    }

    @Test func thereAreCases() {
        #expect(Self.cases("requests").count >= 35)
        #expect(Self.cases("answers").count >= 10)
        #expect(Self.cases("streams").count >= 12)
    }

    @Test(arguments: cases("requests"))
    func aRequestBecomesAChatCompletion(_ file: String) throws {
        let golden = try load("requests", file, members: ["why", "request", "chat", "warnings", "refusal"])
        let request = try #require(golden["request"])

        switch Result(catching: { () throws(ClientError) in try translate(request) }) {
        case .success(let translation):
            #expect(try JSONValue.parse(translation.body) == golden["chat"])
            #expect(translation.warnings == golden["warnings"]?.array?.compactMap(\.string) ?? [])
            #expect(translation.target == .chat)
        case .failure(let error):
            #expect(error.status == 400)
            #expect(error.message == golden["refusal"]?.string)
            #expect(error.message.hasPrefix((error.param ?? "?") + ": "))
        }
    }

    @Test(arguments: cases("answers"))
    func aCompletionBecomesAMessage(_ file: String) throws {
        let golden = try load("answers", file, members: ["why", "request", "answer", "message", "problem"])
        var answer = try answer(golden)
        let bytes = try #require(golden["answer"]).bytes

        let whole = bytes.withUnsafeBytes { bytes in Result { () throws(AnswerProblem) in try answer.whole(bytes) } }

        switch whole {
        case .success(let message): #expect(try JSONValue.parse(message) == golden["message"])
        case .failure(let problem): #expect(problem.message == golden["problem"]?.string)
        }
    }

    @Test(arguments: cases("streams"))
    func aStreamOfChunksBecomesAStreamOfEvents(_ file: String) throws {
        let golden = try load("streams", file, members: ["why", "request", "chunks", "events", "problem"])
        var stream: [UInt8] = []
        for chunk in try #require(golden["chunks"]?.array) {
            if let raw = chunk.string {
                stream += Array(raw.utf8)
            } else {
                stream += Array("data: ".utf8) + chunk.bytes + Array("\n\n".utf8)
            }
        }

        let whole = run(try answer(golden), [stream])

        #expect(try events(whole.bytes) == golden["events"]?.array)
        #expect(whole.problem == golden["problem"]?.string)
        for cut in 0...stream.count {
            #expect(run(try answer(golden), [Array(stream[..<cut]), Array(stream[cut...])]) == whole, "cut at \(cut)")
        }
        #expect(run(try answer(golden), stream.map { [$0] }) == whole, "cut into bytes")
    }

    private struct Output: Equatable {
        var bytes: [UInt8] = []
        var problem: String?
    }

    private func run(_ answer: any AnswerTranslation, _ pieces: [[UInt8]]) -> Output {
        var answer = answer
        var output = Output()
        do throws(AnswerProblem) {
            for piece in pieces {
                let bytes = piece.withUnsafeBytes { bytes in
                    Result { () throws(AnswerProblem) in try answer.piece(bytes) }
                }
                output.bytes += try bytes.get()
            }
            output.bytes += try answer.end()
        } catch {
            output.problem = error.message
        }
        return output
    }

    /// The data of each event, whose type must be the event's name.
    private func events(_ bytes: [UInt8]) throws -> [JSONValue] {
        var events: [JSONValue] = []
        var rest = String(decoding: bytes, as: UTF8.self)[...]
        while !rest.isEmpty {
            let end = try #require(rest.range(of: "\n\n"))
            let lines = rest[..<end.lowerBound].split(separator: "\n", omittingEmptySubsequences: false)
            rest = rest[end.upperBound...]
            try #require(lines.count == 2)
            try #require(lines[1].hasPrefix("data: "))
            let data = try JSONValue.parse(String(lines[1].dropFirst(6)))
            #expect(lines[0] == "event: \(data["type"]?.string ?? "?")")
            events.append(data)
        }
        return events
    }
}
