import JSON
import Testing

@testable import Dialects

@Suite struct ChunkReaderTests {
    @Test func anEventOfTooManyLinesIsAProblem() {
        let reading = Self.read("data: {\n" + String(repeating: "data: 1\n", count: 10_000))

        #expect(reading.problem?.contains("10000 lines") == true)
    }

    /// What a reader makes of a stream: texts of the chunks, the problem if there is one, whether the end mark was read.
    struct Reading: Equatable {
        var chunks: [String] = []
        var problem: String?
        var isDone = false
    }

    static func read(_ text: String, size: Int = .max) -> Reading {
        let bytes = Array(text.utf8)
        var reader = ChunkReader()
        var reading = Reading()
        do throws(AnswerProblem) {
            var start = 0
            while start < bytes.count {
                let end = size < bytes.count - start ? start + size : bytes.count
                let fed = Array(bytes[start..<end]).withUnsafeBytes { piece in
                    Result { () throws(AnswerProblem) in try reader.feed(piece) }
                }
                reading.chunks += try fed.get().map { String(decoding: $0.bytes, as: UTF8.self) }
                start = end
            }
            reading.chunks += try reader.finish().map { String(decoding: $0.bytes, as: UTF8.self) }
        } catch {
            reading.problem = error.message
        }
        reading.isDone = reader.isDone
        return reading
    }

    static let streams: [(String, Reading)] = [
        (
            "data: {\"a\":1}\n\ndata: {\"a\":2}\n\ndata: [DONE]\n\n",
            Reading(chunks: ["{\"a\":1}", "{\"a\":2}"], isDone: true)
        ),
        ("data:{\"a\":1}\r\n\r\ndata:[DONE]\r\n\r\n", Reading(chunks: ["{\"a\":1}"], isDone: true)),
        ("data: {\"a\":1}\r\rdata: [DONE]\r\r", Reading(chunks: ["{\"a\":1}"], isDone: true)),
        ("\u{FEFF}data: {\"a\":\"é😀\"}\n\n", Reading(chunks: ["{\"a\":\"é😀\"}"])),
        (": ping\n\nevent: x\nid: 7\nretry: 5\ndata: {}\n\n", Reading(chunks: ["{}"])),
        ("data: {\"a\":\ndata: 1}\n\n", Reading(chunks: ["{\"a\":1}"])),
        ("data: {\"a\":{\"b\":2}\ndata: }\n\n", Reading(chunks: ["{\"a\":{\"b\":2}}"])),
        (
            "data: {\"a\":1}\ndata: {\"a\":2}\ndata: [DONE]\n",
            Reading(chunks: ["{\"a\":1}", "{\"a\":2}"], isDone: true)
        ),
        ("data: {\"a\":1}\n\ndata: {\"a\":2}", Reading(chunks: ["{\"a\":1}", "{\"a\":2}"])),
        ("data: {\"a\":1}\n\ndata: [DONE]", Reading(chunks: ["{\"a\":1}"], isDone: true)),
        ("data: [DONE]\n\ndata: {\"a\":1}\n\ndata: {\"error\":\"late\"}\n\n", Reading(isDone: true)),
        ("data:\n\ndata: {\"a\":1}\n\n", Reading(chunks: ["{\"a\":1}"])),
        (
            "data: {\"a\":1}\n\ndata: {\"error\":{\"message\":\"out of memory\"}}\n\ndata: {\"a\":2}\n\n",
            Reading(chunks: ["{\"a\":1}"], problem: "out of memory")
        ),
        ("data: {\"error\":\"busy\"}\n\ndata: [DONE]\n\n", Reading(problem: "busy")),
        ("data: {\"error\":null,\"a\":1}\n\n", Reading(chunks: ["{\"error\":null,\"a\":1}"])),
        ("data: {\"object\":\"error\",\"message\":\"flat\",\"code\":400}\n\n", Reading(problem: "flat")),
        ("error: {\"code\":500,\"message\":\"old\"}\n\n", Reading(problem: "old")),
        ("data: {\"error\":{\"code\":5}}\n\n", Reading(problem: "The backend reported an error without a message.")),
        ("data: hello\n\n", Reading(problem: "The backend sent an event that is no JSON object.")),
        ("data: 5\n\n", Reading(problem: "The backend sent an event that is no JSON object.")),
        (
            "data: {\"a\":1}\n\ndata: {\"a\":",
            Reading(chunks: ["{\"a\":1}"], problem: "The backend sent an event that is no JSON object.")
        ),
    ]

    @Test(arguments: streams.indices)
    func aStreamIsReadTheSameWhateverWayItIsCut(_ index: Int) {
        let (text, expected) = Self.streams[index]

        for size in 1...text.utf8.count { #expect(Self.read(text, size: size) == expected, "pieces of \(size)") }
    }

    @Test func anEventIsLimited() {
        let line = "data: {\"a\":\"" + String(repeating: "x", count: ChunkReader.eventLimit)

        #expect(Self.read(line).problem == "The backend sent an event of more than 4194304 bytes.")
    }
}

@Suite struct AnswerErrorTests {
    private func problem(_ text: String) throws -> String? {
        AnswerError.inside(try JSONValue.parse(text))?.message
    }

    @Test(arguments: [
        (#"{"choices":[],"error":{"message":"no"}}"#, "no"), (#"{"error":"no"}"#, "no"),
        (#"{"error":{"msg":"no"}}"#, "no"),
        (#"{"choices":[],"error":["no"]}"#, "no"), (#"{"error":500}"#, "500"), (#"{"error":true}"#, "true"),
        (#"{"error":{}}"#, "The backend reported an error without a message."),
        (#"{"choices":[],"message":"no","object":"error"}"#, "no"), (#"{"type":"error","message":"no"}"#, "no"),
    ])
    func anErrorCountsWhateverItsShapeAndPlace(_ text: String, _ message: String) throws {
        #expect(try problem(text) == message)
    }

    @Test(arguments: [
        #"{"error":null}"#, #"{"error":""}"#, #"{"error":false}"#, #"{"error":0}"#, #"{"choices":[{"error":"x"}]}"#,
        "[]",
    ])
    func whatSaysThatThereIsNoneIsNone(_ text: String) throws {
        #expect(try problem(text) == nil)
    }

    @Test(arguments: ["9007199254740993", "-1", "1e300", "0.5", "\"7\"", "null"])
    func aCountThatCanBeNoneIsUnknown(_ text: String) throws {
        #expect(AnswerError.tokens(try JSONValue.parse(text)) == nil)
    }

    @Test(arguments: ["data: [DONE]", "data:[DONE]", "data:  [DONE] ", "data:\t[DONE]"])
    func theEndMarkMayStandBetweenSpaces(_ line: String) throws {
        var reader = ChunkReader()
        _ = try Array((line + "\n\n").utf8).withUnsafeBytes { bytes in
            Result { () throws(AnswerProblem) in try reader.feed(bytes) }
        }.get()

        #expect(reader.isDone)
    }
}
