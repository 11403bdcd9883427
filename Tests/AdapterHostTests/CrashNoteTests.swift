import Core
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
        "the adapter \"a\"".utf8CString.withUnsafeBufferPointer { text in
            // At an even address, as memory that was allocated is.
            let memory = UnsafeMutablePointer<CChar>.allocate(capacity: text.count)
            defer { memory.deallocate() }
            memory.initialize(from: text.baseAddress ?? UnsafePointer(memory), count: text.count)

            #expect(noted().isEmpty)
            let nothing = nexus_note_swap(memory)
            #expect(noted() == "the adapter \"a\"")
            let adapter = nexus_note_enter_host()
            #expect(noted() == "the gateway itself, which was called by the adapter \"a\"")
            let host = nexus_note_swap(memory)
            #expect(noted() == "the adapter \"a\"")
            nexus_note_swap(host)
            #expect(noted().hasPrefix("the gateway itself"))
            nexus_note_swap(adapter)
            #expect(noted() == "the adapter \"a\"")
            nexus_note_swap(nothing)
            #expect(noted().isEmpty)
        }
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
