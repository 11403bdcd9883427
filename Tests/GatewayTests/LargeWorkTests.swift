import AdapterHost
import Core
import Dialects
import NIOCore
import Testing

@testable import Gateway

@Suite struct RequestDraftTests {
    private func draft(_ body: String, _ kind: RequestKind = .chat, contentType: String = "") -> RequestDraft {
        RequestDraft(kind: kind, path: "/v1/chat/completions", contentType: contentType, body: ByteBuffer(string: body))
    }

    private let names = ModelNames(aliases: ModelAliases(["a": "a-long"]), snapshot: RegistrySnapshot())

    @Test func onlyALargeBodyIsLookedIntoElsewhere() {
        let padding = String(repeating: " ", count: 100 * 1024)
        #expect(!draft(#"{"model":"m"}"# + padding).isLarge)
        #expect(draft(#"{"model":"m"}"# + padding + padding + padding).isLarge)
        #expect(draft(padding, contentType: "multipart/form-data; boundary=b").isLarge)
    }

    @Test func theBackendsNameIsPutIn() throws {
        let request = try draft(#"{"model":"a","x":1}"#).request(names: names)

        #expect(request.peek.model == "a" && request.model == "a-long")
        #expect(String(buffer: request.body) == #"{"model":"a-long","x":1}"#)
    }

    @Test func aNameThatOnlyLooksTheSameIsPutInAsWell() throws {
        let request = try draft("{\"model\":\"e\u{301}\"}").request(names: names)

        let body = request.named("\u{E9}", in: request.body)
        #expect(Array(body.readableBytesView) == Array("{\"model\":\"\u{E9}\"}".utf8))
    }

    @Test func onlyEmbeddingsNeedInput() throws {
        #expect(try draft(#"{"model":"m","input":""}"#, .responses).request(names: names).model == "m")
        #expect(throws: RequestPeekError.inputEmpty) {
            try draft(#"{"model":"m","input":""}"#, .embeddings).request(names: names)
        }
    }
}

@Suite struct AnswerPathTests {
    /// Repeats what it is given.
    private struct Echo: AnswerTranslation {
        func piece(_ bytes: UnsafeRawBufferPointer) throws(AnswerProblem) -> [UInt8] { Array(bytes) }
        func end() throws(AnswerProblem) -> [UInt8] { [] }
        func whole(_ bytes: UnsafeRawBufferPointer) throws(AnswerProblem) -> [UInt8] { Array(bytes) + Array(bytes) }
    }

    @Test func aSmallAnswerIsTranslatedHere() throws {
        var path = AnswerPath(Echo(), stream: false)
        #expect(try path.piece(ByteBuffer(string: "ab")).readableBytes == 0)

        let end = path.takeLargeEnd()
        #expect(end.map(\.size) == nil)
        #expect(String(buffer: try path.end()) == "abab")
    }

    @Test func aLargeAnswerIsTranslatedElsewhere() throws {
        var path = AnswerPath(Echo(), stream: false)
        let text = String(repeating: "x", count: 100_000)
        #expect(try path.piece(ByteBuffer(string: text)).readableBytes == 0)

        let taken = path.takeLargeEnd()
        let end = try #require(taken)
        #expect(end.size == text.utf8.count)
        #expect(String(buffer: try end.make().get()) == text + text)
    }

    @Test func aStreamIsTranslatedAsItComes() throws {
        var path = AnswerPath(Echo(), stream: true)
        #expect(try path.piece(ByteBuffer(repeating: 0x61, count: 100_000)).readableBytes == 100_000)
        let end = path.takeLargeEnd()
        #expect(end.map(\.size) == nil)
    }
}
