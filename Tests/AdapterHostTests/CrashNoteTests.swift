import Core
import JSON
import NIOCore
import Shims
import Testing

@testable import AdapterHost

/// What a crash would be said to have happened in.
private func noted() -> String {
    var buffer = [CChar](repeating: 0, count: 200)
    let length = nexus_note_describe(&buffer, buffer.count)
    return String(decoding: buffer.prefix(length).map(UInt8.init(bitPattern:)), as: UTF8.self)
}

/// What a crash would leave for the next start.
private func kept(_ end: String) -> [UInt8] {
    var buffer = [CChar](repeating: 0, count: 4096)
    let length = nexus_note_line(&buffer, buffer.count, end)
    return buffer.prefix(length).map(UInt8.init(bitPattern:))
}

/// Looks at the note whenever the adapter has called the host.
private final class NotingSink: AttemptSink {
    let requestBody = ByteBuffer(string: #"{"model":"echo"}"#)
    private(set) var notes: Set<String> = []

    func attemptBegan(_ head: AttemptHead) -> Bool { note(true) }
    func attemptWrote(_ bytes: ByteBuffer) -> AttemptReply { note(.taken) }
    var attemptIsOverfull: Bool { note(false) }
    func attemptFlush() { note(()) }
    func attemptFinished(_ outcome: ExchangeOutcome) -> AttemptReply { note(.taken) }
    func attemptFailed(_ failure: ExchangeFailure) { note(()) }

    private func note<Value>(_ value: Value) -> Value {
        notes.insert(noted())
        return value
    }
}

@Suite struct CrashNoteTests {
    @Test func aThreadIsInNothingOrInAnAdapterOrInTheHostThatTheAdapterCalled() {
        let note = CrashNote.make("the adapter \"a\"", type: "a", file: "/a.so", hash: nil)

        #expect(noted().isEmpty)
        let nothing = nexus_note_swap(note)
        #expect(noted() == "the adapter \"a\"")
        let adapter = nexus_note_enter_host()
        #expect(noted() == "the gateway itself, which was called by the adapter \"a\"")
        let host = nexus_note_swap(note)
        #expect(noted() == "the adapter \"a\"")
        nexus_note_swap(host)
        #expect(noted().hasPrefix("the gateway itself"))
        nexus_note_swap(adapter)
        #expect(noted() == "the adapter \"a\"")
        nexus_note_swap(nothing)
        #expect(noted().isEmpty)
    }

    @Test func theLineOfTheLogIsWhatTheLogIs() throws {
        func line(_ capacity: Int = 1024) -> String {
            var buffer = [CChar](repeating: 1, count: capacity)
            let length = nexus_note_log_line(&buffer, buffer.count, "the process ends with ", "SIGSEGV in ")
            return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        #expect(line().isEmpty, "the thread is in nothing")
        let note = CrashNote.make("the adapter \"a\\b\"", type: "a", file: "/a.so", hash: nil)
        let nothing = nexus_note_swap(note)
        defer { nexus_note_swap(nothing) }
        #expect(line() == "nexus: the process ends with SIGSEGV in the adapter \"a\\b\"\n")

        nexus_note_log_json(true)
        defer { nexus_note_log_json(false) }
        let value = try JSONValue.parse(line())
        #expect(value["message"]?.string == "the process ends with SIGSEGV in the adapter \"a\\b\"")
        #expect(value["level"]?.string == "critical" && value["component"]?.string == "adapters")
        let time = try #require(value["time"]?.string.flatMap { Timestamp.seconds(rfc3339: $0) })
        #expect(abs(time - Double(Clock.wallSeconds())) < 60)
        #expect(line(300).hasSuffix("\"}\n") && line(100).isEmpty, "whole, or not at all")
    }

    @Test func whatIsKeptOfAnEndIsReadBack() throws {
        let hash = ContentHash(of: [1])
        #expect(kept("SIGSEGV").isEmpty)
        let nothing = nexus_note_swap(CrashNote.make("w", type: "a", file: "/x/\"\u{1}.so", hash: hash))
        defer { nexus_note_swap(nothing) }

        let own = try #require(CrashNote.crash(Array(kept("SIGSEGV").dropLast())))
        #expect(own.hash == hash && own.type == "a" && own.file == "/x/\"\u{1}.so")
        #expect(own.end == "SIGSEGV" && !own.isInGateway && abs(own.at - Clock.wallSeconds()) < 60)
        let adapter = nexus_note_enter_host()
        #expect(CrashNote.crash(Array(kept("exit").dropLast()))?.isInGateway == true)
        nexus_note_swap(adapter)
    }

    @Test func theLongestPathFits() {
        let file = "/" + String(repeating: "\u{1}", count: 5000)
        let nothing = nexus_note_swap(
            CrashNote.make("w", type: String(repeating: "t", count: 64), file: file, hash: ContentHash(of: [1])))
        defer { nexus_note_swap(nothing) }

        #expect(kept("SIGSEGV").count > 2400)
    }

    @Test func whatCameOutOfNoFileIsNotKept() {
        let nothing = nexus_note_swap(CrashNote.make("w", type: "a", file: "linked", hash: nil))
        defer { nexus_note_swap(nothing) }

        #expect(kept("SIGSEGV").isEmpty)
    }

    @Test func aThreadOfAnAdapterThatCallsTheHostIsNotedAsWell() {
        let nothing = nexus_note_enter_host()
        #expect(noted() == "the gateway itself, which was called by a thread of an adapter")
        nexus_note_swap(nothing)
        #expect(noted().isEmpty)
    }

    @Test func aShortBufferIsFilledAndEnded() {
        let nothing = nexus_note_enter_host()
        defer { nexus_note_swap(nothing) }
        var buffer = [CChar](repeating: 1, count: 8)
        #expect(nexus_note_describe(&buffer, 8) == 7 && buffer[7] == 0)
        #expect(nexus_note_describe(&buffer, 0) == 0)
    }

    @Test func whatTheHostDoesForAnAdapterIsItsOwn() async throws {
        let bench = try await Bench.make(name: "noted")
        let (notes, after) = try await bench.loop.submit {
            let sink = NotingSink()
            let request = SubmittedRequest(
                kind: .chat, model: "echo", requestID: "r", path: "/", stream: false, includeUsage: false, tools: false,
                images: false)
            _ = bench.backend.submit(
                request, sink: sink, on: bench.services.eventLoop, deadline: .now() + .seconds(60))
            return (sink.notes, noted())
        }.get()

        #expect(notes == ["the gateway itself, which was called by the adapter \"echo\" (backend \"noted\")"])
        #expect(after.isEmpty)
    }
}
