import JSON
import Testing

@testable import Dialects

@Suite struct OllamaAnswerTests {
    @Test(arguments: OllamaCase.all("answers"))
    func aWholeAnswerBecomesOneOfOllama(_ golden: OllamaCase) throws {
        var answer = try golden.answer(clock: .ticking())
        let given = try golden.member("answer")
        // A string stands for bytes that are not JSON.
        let bytes = given.string.map { Array($0.utf8) } ?? given.bytes
        if let problem = golden.value["problem"]?.string {
            let thrown = #expect(throws: AnswerProblem.self) { try bytes.withUnsafeBytes { try answer.whole($0) } }
            #expect(thrown?.message == problem)
        } else {
            let translated = try bytes.withUnsafeBytes { try answer.whole($0) }
            #expect(try JSONValue.parse(translated).text == golden.member("expected").text)
        }
    }

    @Test(arguments: OllamaCase.all("streams"))
    func aStreamBecomesLines(_ golden: OllamaCase) throws {
        let result = try Self.run(golden, pieces: [try Self.stream(golden)])
        #expect(result.problem == golden.value["problem"]?.string)
        let lines = String(decoding: result.bytes, as: UTF8.self).split(separator: "\n")
        let expected = try #require(golden.member("lines").array)
        #expect(try lines.map { try JSONValue.parse(String($0)).text } == expected.map(\.text))
        #expect(result.bytes.isEmpty || result.bytes.last == 0x0A)
    }

    @Test(arguments: OllamaCase.all("streams"))
    func aStreamMayBeCutAnywhere(_ golden: OllamaCase) throws {
        let stream = try Self.stream(golden)
        let whole = try Self.run(golden, pieces: [stream])
        for cut in 0...stream.count {
            let result = try Self.run(golden, pieces: [Array(stream[..<cut]), Array(stream[cut...])])
            #expect(result == whole, "cut at byte \(cut)")
        }
        #expect(try Self.run(golden, pieces: stream.map { [$0] }) == whole, "cut at each byte")
    }

    @Test func thereAreCasesOfEachKind() {
        #expect(OllamaCase.all("answers").count >= 10)
        #expect(OllamaCase.all("streams").count >= 12)
    }

    @Test func anErrorIsATextAndEndsAStreamAsALine() throws {
        let error = OllamaError.modelNotFound("llama\"3")
        #expect(error.status == 404)
        #expect(String(decoding: OllamaError.body(error), as: UTF8.self) == #"{"error":"model 'llama\"3' not found"}"#)
        #expect(OllamaError.line("Lost.") == Array("{\"error\":\"Lost.\"}\n".utf8))
        #expect(OllamaError.line(error) == OllamaError.body(error) + [0x0A])
    }

    struct Result: Equatable {
        var bytes: [UInt8] = []
        var problem: String?
    }

    /// The events of the case: `text` as it is, or each of `chunks` as an event; a string among them is its data.
    private static func stream(_ golden: OllamaCase) throws -> [UInt8] {
        if let text = golden.value["text"]?.string { return Array(text.utf8) }
        let chunks = try #require(golden.member("chunks").array)
        return chunks.flatMap { chunk in
            Array("data: ".utf8) + (chunk.string.map { Array($0.utf8) } ?? chunk.bytes) + [0x0A, 0x0A]
        }
    }

    private static func run(_ golden: OllamaCase, pieces: [[UInt8]]) throws -> Result {
        var answer = try golden.answer(clock: .ticking())
        var result = Result()
        do {
            for piece in pieces { result.bytes += try piece.withUnsafeBytes { try answer.piece($0) } }
            result.bytes += try answer.end()
        } catch let problem as AnswerProblem {
            result.problem = problem.message
        }
        return result
    }
}
